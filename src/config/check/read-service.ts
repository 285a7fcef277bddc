import type { HealthcheckConfig, RestartPolicy, ServiceConfig, StopSignal } from '../config.ts';
import { DEFAULT_HEALTHCHECK, DEFAULT_SERVICE } from '../defaults.ts';
import { getChild, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, numberOr, report, textOr } from './check-context.ts';
import { readDuration } from './quantities.ts';
import { readCommandOutputs } from './read-outputs.ts';
import { toCommand } from './to-command.ts';

/** Keys that say how `run:` is kept running. */
const SERVICE_KEYS = ['restart', 'stop_signal', 'stop_grace_period', 'healthcheck'];

const STOP_SIGNALS: ReadonlySet<string> = new Set<StopSignal>([
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGTERM',
  'SIGWINCH',
]);

function isStopSignal(text: string): text is StopSignal {
  return STOP_SIGNALS.has(text);
}

/** Reads `no`, `always`, `on-failure` or `on-failure:N`. The schema has checked the form. */
function readRestart(node: SourceNode | undefined): RestartPolicy {
  const [when, count] = textOr(node, 'no').split(':');
  if (when === 'always') return { when, maxRestarts: null };
  if (when !== 'on-failure') return DEFAULT_SERVICE.restart;
  return { when, maxRestarts: count === undefined ? null : Number(count) };
}

/** Reads `test:`. Compose's lists start with CMD or CMD-SHELL. */
function readTest(node: SourceNode | undefined): Pick<HealthcheckConfig, 'test' | 'testOutputs'> {
  const test = toCommand(node);
  const testOutputs = readCommandOutputs(node);
  if (typeof test === 'string') return { test, testOutputs };
  const [kind, ...words] = test;
  const parts = testOutputs?.slice(1) ?? null;
  if (kind === 'CMD-SHELL') {
    const script = parts?.flatMap((word, index) => (index === 0 ? word : [' ', ...word])) ?? null;
    return { test: words.join(' '), testOutputs: script === null ? null : [script] };
  }
  return kind === 'CMD' ? { test: words, testOutputs: parts } : { test, testOutputs };
}

function readHealthcheck(
  context: CheckContext,
  node: SourceNode | undefined,
): HealthcheckConfig | null {
  if (node === undefined) return null;
  const time = (key: string, fallbackMs: number, minMs = 1) =>
    readDuration(context, getChild(node, key), { key: `healthcheck.${key}`, fallbackMs, minMs });
  const test = readTest(getChild(node, 'test'));
  if (getChild(node, 'test') !== undefined && test.test.length === 0) {
    report(context, node, 'bad_value', 'healthcheck.test: no command');
  }
  return {
    ...test,
    intervalMs: time('interval', DEFAULT_HEALTHCHECK.intervalMs),
    timeoutMs: time('timeout', DEFAULT_HEALTHCHECK.timeoutMs),
    retries: numberOr(getChild(node, 'retries'), DEFAULT_HEALTHCHECK.retries),
    startPeriodMs: time('start_period', DEFAULT_HEALTHCHECK.startPeriodMs, 0),
    startIntervalMs: time('start_interval', DEFAULT_HEALTHCHECK.startIntervalMs),
  };
}

/** Reads `run:` of a sandbox and the keys about it; null without `run:`. */
export function readService(context: CheckContext, node: SourceNode): ServiceConfig | null {
  const run = getChild(node, 'run');
  if (run === undefined) return null;
  const signal = textOr(getChild(node, 'stop_signal'), DEFAULT_SERVICE.stopSignal);
  return {
    run: toCommand(run),
    runOutputs: readCommandOutputs(run),
    restart: readRestart(getChild(node, 'restart')),
    stopSignal: isStopSignal(signal) ? signal : DEFAULT_SERVICE.stopSignal,
    stopGracePeriodMs: readDuration(context, getChild(node, 'stop_grace_period'), {
      key: 'stop_grace_period',
      fallbackMs: DEFAULT_SERVICE.stopGracePeriodMs,
      minMs: 0,
    }),
    healthcheck: readHealthcheck(context, getChild(node, 'healthcheck')),
  };
}

/**
 * Reports keys about `run:` in a sandbox that has none. Those of `defaults:` are for the services among the sandboxes.
 * @param own  The sandbox without `defaults:`.
 */
export function checkServiceKeys(context: CheckContext, own: SourceNode, merged: SourceNode): void {
  if (getChild(merged, 'run') !== undefined || own.kind !== 'map') return;
  for (const key of SERVICE_KEYS) {
    const entry = own.entries.get(key);
    if (entry === undefined) continue;
    const message = `${key}: only a sandbox with run: has one`;
    report(context, { span: entry.keySpan }, 'needs_run', message);
  }
}
