import type { RunEvent } from '../../../project/run-event.ts';
import { testsText } from '../../../report/outcome.ts';
import { formatBytes, formatDuration } from '../../../util/quantities.ts';
import { type CliOutput, writeText } from '../../io.ts';
import {
  describeArtifacts,
  describeBlocked,
  describeChange,
  describeFileChange,
  describeMemoryWait,
  describeOutcome,
  describePort,
  describeService,
  describeStart,
  describeSync,
  describeWaiting,
  plainText,
} from '../text/describe.ts';
import { nameTones } from '../text/name-tones.ts';
import type { Paint, Tone } from '../text/paint.ts';
import { sanitiseLine } from '../text/sanitise-line.ts';
import { describeImage, ImagePace } from './image-pace.ts';
import type { RunRenderer } from './run-renderer.ts';
import { SERVICE, StepLines } from './step-output.ts';

export interface PlainOptions {
  readonly paint: Paint;
  /** Keeps the guest's colours: only on a terminal. */
  readonly keepColours: boolean;
}

/** Returns the prefix of each line of a step's output. A guest cannot print a line without it. */
export function outputPrefix({ sandbox, step }: { sandbox: string; step: string }): string {
  return step === SERVICE
    ? `[${plainText(sandbox)}] `
    : `[${plainText(sandbox)} ${plainText(step)}] `;
}

/** Returns the text of an event's line, without `=> `; null for an event that has no line. */
function statusText(event: RunEvent): string | null {
  switch (event.type) {
    case 'image-progress':
      return `${event.sandbox}: image ${event.image}: ${describeImage(event)}`;
    case 'vm-starting':
      return `${event.sandbox}: VM starting, ${event.cpus} CPU, ${formatBytes(event.memoryBytes)}`;
    case 'vm-started':
      return `${event.sandbox}: VM ready in ${describeStart(event)}`;
    case 'port-opened':
      return `port: ${describePort(event)}`;
    case 'step-started': {
      const attempt = event.attempts > 1 ? `, attempt ${event.attempt} of ${event.attempts}` : '';
      return `${event.sandbox} ${event.step}: started${attempt}`;
    }
    case 'step-finished': {
      const why = event.error === null ? '' : `: ${event.error.code}: ${event.error.message}`;
      const retry = event.willRetry ? ', retrying' : '';
      return `${event.sandbox} ${event.step}: ${describeOutcome(event)}${why}${retry}`;
    }
    case 'step-skipped':
      return `${event.sandbox} ${event.step}: ${event.cause === 'cancelled' ? 'cancelled' : 'skipped'}: ${event.reason}`;
    case 'network-blocked':
      return `${event.sandbox}: ${describeBlocked(event)}`;
    case 'step-cached':
      return `${event.sandbox} ${event.step}: cached`;
    case 'checkpoint-missed':
      return `${event.sandbox} ${event.step}: not cached: ${event.reason}`;
    case 'checkpoint-saved':
      return `${event.sandbox} ${event.step}: saved in ${formatDuration(event.durationMs)}, ${formatBytes(event.diskBytes)}`;
    case 'sandbox-waiting':
      return `${event.sandbox}: ${describeWaiting(event)}`;
    case 'service-started':
    case 'service-restarted':
    case 'service-healthy':
    case 'service-exited':
      return `${event.sandbox}: ${describeService(event)}`;
    case 'memory-waiting':
      return `${event.sandbox}: ${describeMemoryWait(event)}`;
    case 'artifacts-copied':
      return `${event.sandbox}: ${describeArtifacts(event)}`;
    case 'tests-read':
      return `${event.sandbox}: ${testsText(event.counts)}`;
    case 'warning':
      return `${event.sandbox}: warning: ${event.message}`;
    case 'sandbox-changed':
      return `${event.sandbox}: ${describeChange(event)}`;
    case 'sandbox-stopping':
      return `${event.sandbox}: stopping`;
    case 'files-synced':
      return `${event.sandbox}: ${describeSync(event)}`;
    case 'change-detected':
      return `${event.sandbox}: ${describeFileChange(event)}`;
    case 'run-started':
    case 'rerun-prepared':
    case 'step-output':
    case 'service-output':
    case 'sandbox-finished':
    case 'run-finished':
      return null;
  }
}

function eventTone(event: RunEvent): Tone {
  if (event.type === 'service-healthy') return 'green';
  if (event.type === 'sandbox-waiting' || event.type === 'sandbox-stopping') return 'dim';
  if (event.type === 'service-exited') return event.isStopped ? 'bold' : 'yellow';
  if (event.type === 'step-skipped' || event.type === 'checkpoint-missed') return 'dim';
  if (event.type === 'step-cached') return 'green';
  if (event.type === 'warning' || event.type === 'network-blocked') return 'yellow';
  if (event.type !== 'step-finished') return 'bold';
  return event.status === 'succeeded' ? 'green' : 'red';
}

/**
 * `--progress plain`: prints one line per change. Lines of a step's output start with `[sandbox step] ` and lines of
 * gondolin with `=> `, so that no guest can forge the latter.
 */
export function createPlainRenderer(output: CliOutput, options: PlainOptions): RunRenderer {
  const { paint, keepColours } = options;
  const lines = new StepLines();
  const pace = new ImagePace();
  let tones = new Map<string, Tone>();
  const write = (step: { sandbox: string; step: string }, texts: readonly string[]) => {
    const prefix = paint(tones.get(step.sandbox) ?? 'dim', outputPrefix(step));
    return writeText(
      output,
      texts.map((text) => `${prefix}${sanitiseLine(text, keepColours)}\n`).join(''),
    );
  };
  const onEvent = (event: RunEvent) => {
    if (event.type === 'run-started') tones = nameTones(event.sandboxes.map(({ name }) => name));
    if (event.type === 'step-output') return write(event, lines.push(event));
    if (event.type === 'service-output') {
      const output = { ...event, step: SERVICE };
      return write(output, lines.push(output));
    }
    if (event.type === 'step-finished') void write(event, lines.finish(event));
    if (event.type === 'service-exited') {
      const service = { sandbox: event.sandbox, step: SERVICE };
      void write(service, lines.finish(service));
    }
    if (event.type === 'image-progress' && !pace.isWorthALine(event)) return;
    const status = statusText(event);
    if (status === null) return;
    return writeText(output, `${paint(eventTone(event), `=> ${plainText(status)}`)}\n`);
  };
  return { onEvent, end: async () => undefined };
}
