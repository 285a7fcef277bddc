import { formatPlace } from '../../../address/format-place.ts';
import { hostText } from '../../../net/audit/network-summary.ts';
import { reasonText } from '../../../net/refusal/refusal-text.ts';
import type { ArtifactsResult } from '../../../project/artifacts.ts';
import type { RunEvent } from '../../../project/run-event.ts';
import type { StepResult } from '../../../project/run-result.ts';
import { exitText } from '../../../report/outcome.ts';
import { formatBytes, formatDuration } from '../../../util/quantities.ts';
import { sanitiseLine } from './sanitise-line.ts';

/** Returns a name or another short text as one line that is safe to print. */
export function plainText(text: string): string {
  return sanitiseLine(text.replaceAll(/[\r\n]+/g, ' '), false);
}

type Outcome = Pick<
  StepResult,
  'status' | 'exitCode' | 'signal' | 'isOutOfMemory' | 'durationMs' | 'isIgnored'
>;

/** Describes how a step ended: `succeeded in 1.2s`, `exit 137 (SIGKILL), out of memory, after 1.2s`, `timed out after 2.0s`. */
export function describeOutcome(outcome: Outcome): string {
  const time = formatDuration(outcome.durationMs);
  const ignored = outcome.isIgnored ? ' (ignored)' : '';
  switch (outcome.status) {
    case 'succeeded':
      return `succeeded in ${time}${outcome.isOutOfMemory ? ' (out of memory)' : ''}`;
    case 'timed-out':
      return `timed out after ${time}${ignored}`;
    case 'cancelled':
      return `cancelled after ${time}`;
    case 'skipped':
      return 'skipped';
    case 'failed':
      return `${exitAfter('exit', outcome, time)}${ignored}`;
  }
}

function exitAfter(
  word: 'exit' | 'exited',
  outcome: Pick<Outcome, 'exitCode' | 'signal' | 'isOutOfMemory'>,
  time: string,
): string {
  const exit = plainText(exitText(word, outcome));
  return `${exit}${outcome.isOutOfMemory ? ',' : ''} after ${time}`;
}

/** `2.3s, Linux 6.1.0-28-cloud-amd64`; the kernel release is guest text. */
export function describeStart(event: Extract<RunEvent, { type: 'vm-started' }>): string {
  return `${formatDuration(event.bootMs)}, Linux ${plainText(event.kernel)}`;
}

/** `127.0.0.1:3000 → app:3000`: where a port of the guest is reached. */
export function describePort(
  port: Omit<Extract<RunEvent, { type: 'port-opened' }>, 'type' | 'time'>,
) {
  return `${formatPlace(port)} → ${port.sandbox}:${port.guestPort}`;
}

/** `blocked other.test: not in allowed_hosts`; the host is guest text. */
export function describeBlocked(event: Extract<RunEvent, { type: 'network-blocked' }>): string {
  return `blocked ${plainText(hostText(event))}: ${plainText(reasonText(event.refusal))}`;
}

type ServiceEvent = Extract<
  RunEvent,
  { type: 'service-started' | 'service-restarted' | 'service-healthy' | 'service-exited' }
>;

/** Describes a change of a service: `service started`, `service healthy after 1.2s`, `service exited 1 after 3.0s, restarting in 100ms`. */
export function describeService(event: ServiceEvent): string {
  switch (event.type) {
    case 'service-started':
      return 'service started';
    case 'service-restarted':
      return `service restarted, the ${ordinal(event.restarts)} time`;
    case 'service-healthy':
      return `service healthy after ${formatDuration(event.durationMs)}`;
    case 'service-exited': {
      const time = formatDuration(event.durationMs);
      if (event.isStopped) return `service stopped after ${time}`;
      const next =
        event.restartInMs === null ? '' : `, restarting in ${formatDuration(event.restartInMs)}`;
      return `service ${exitAfter('exited', event, time)}${next}`;
    }
  }
}

function ordinal(count: number): string {
  const tens = count % 100;
  const ends = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${ends}`;
}

/** Describes what a sandbox waits for: `waits for db (healthy)`. */
export function describeMemoryWait({
  wantedBytes,
  freeBytes,
}: Extract<RunEvent, { type: 'memory-waiting' }>): string {
  return `waits for ${formatBytes(wantedBytes)} of memory: ${formatBytes(freeBytes)} are free`;
}

export function describeArtifacts({ files, bytes, skipped, directory }: ArtifactsResult): string {
  const links = skipped === 0 ? '' : `, ${skipped} links and special files skipped`;
  const count = files === 1 ? '1 artifact' : `${files} artifacts`;
  return `${count} (${formatBytes(bytes)}) in ${directory}${links}`;
}

export function describeWaiting({
  dependsOn,
}: Extract<RunEvent, { type: 'sandbox-waiting' }>): string {
  return `waits for ${dependsOn.map(({ name, condition }) => `${name} (${condition})`).join(', ')}`;
}

const ACTIONS = {
  start: 'starting',
  recreate: 'recreating',
  restart: 'restarting its service',
  remove: 'removing',
  keep: 'unchanged',
} as const;

/** Describes what `up` does to a sandbox, and why: `recreating: image, env.MODE`. */
export function describeChange({
  action,
  reasons,
}: {
  readonly action: keyof typeof ACTIONS;
  readonly reasons: readonly string[];
}): string {
  const why = reasons.length === 0 ? '' : `: ${reasons.map(plainText).join(', ')}`;
  return `${ACTIONS[action]}${why}`;
}

const FILE_ACTIONS = {
  rerun: 'running again',
  restart: 'starting the service again',
  rebuild: 'starting over from the image',
  reload: 'running again',
  sync: 'copying into the guest',
} as const;

export function describeSync({
  files,
  deleted,
  durationMs,
}: Extract<RunEvent, { type: 'files-synced' }>): string {
  const copied = `copied ${files === 1 ? '1 file' : `${files} files`}`;
  const removed = deleted === 0 ? '' : `, deleted ${deleted}`;
  return `${copied}${removed} in the guest in ${formatDuration(durationMs)}`;
}

/** Describes what a change of files does: `src/a.ts changed, and 3 more: running again from unit`. File names may contain anything. */
export function describeFileChange(event: Extract<RunEvent, { type: 'change-detected' }>): string {
  const { action, from, paths, pathCount } = event;
  const [first = ''] = paths;
  const more = pathCount > 1 ? `, and ${pathCount - 1} more` : '';
  const where = from === null || action === 'rebuild' ? '' : ` from ${from}`;
  return plainText(`${first} changed${more}: ${FILE_ACTIONS[action]}${where}`);
}
