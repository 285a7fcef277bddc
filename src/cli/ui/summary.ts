import type { ErrorData } from '../../project/error-data.ts';
import type { RunResult, RunStatus, SandboxResult, StepResult } from '../../project/run-result.ts';
import { isBadTest, testsText } from '../../report/outcome.ts';
import { formatDuration } from '../../util/quantities.ts';
import { blockedLines, networkLines } from './network-report.ts';
import { renderErrorData } from './render-error.ts';
import { describeArtifacts, describeOutcome, plainText } from './text/describe.ts';
import type { Paint, Tone } from './text/paint.ts';

const MARKS: Readonly<Record<StepResult['status'], { mark: string; tone: Tone }>> = {
  succeeded: { mark: '✔', tone: 'green' },
  failed: { mark: '✖', tone: 'red' },
  'timed-out': { mark: '✖', tone: 'red' },
  cancelled: { mark: '■', tone: 'yellow' },
  skipped: { mark: '-', tone: 'dim' },
};

const WORDS: Readonly<Record<RunStatus, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  'timed-out': 'timed out',
  cancelled: 'cancelled',
};

function stepText(step: StepResult): string {
  if (step.isCached) return 'cached';
  if (step.attempts === 0) return `${step.status}: ${step.reason ?? ''}`;
  const attempts = step.attempts > 1 ? `, ${step.attempts} attempts` : '';
  const why = step.error === null ? '' : `: ${step.error.message}`;
  return describeOutcome(step) + attempts + why;
}

function sandboxHead(sandbox: SandboxResult): string {
  const start = sandbox.bootMs === null ? '' : `, start ${formatDuration(sandbox.bootMs)}`;
  const kernel = sandbox.kernel === null ? '' : `, Linux ${plainText(sandbox.kernel)}`;
  const code = sandbox.exitCode === 0 ? '' : `, exit ${sandbox.exitCode}`;
  const time = formatDuration(sandbox.durationMs);
  return `${plainText(sandbox.name)}: ${WORDS[sandbox.status]} in ${time}${code}${start}${kernel}`;
}

function serviceLines({ service }: SandboxResult, paint: Paint): string[] {
  if (service === null) return [];
  const { mark, tone } = MARKS[service.status];
  const signal = service.signal === null ? '' : ` (${plainText(service.signal)})`;
  const times = service.restarts === 1 ? 'once' : `${service.restarts} times`;
  const restarts = service.restarts === 0 ? '' : `, restarted ${times}`;
  const end = service.isStopped ? 'stopped' : `exited ${service.exitCode ?? 'late'}${signal}`;
  return [`  ${paint(tone, mark)} service  ${paint('dim', `${end}${restarts}`)}`];
}

function artifactLines({ artifacts }: SandboxResult, paint: Paint): string[] {
  return artifacts === null ? [] : [`  ${paint('dim', describeArtifacts(artifacts))}`];
}

/** The tests that did not pass by name, at most ten. */
function testLines({ tests }: SandboxResult, paint: Paint): string[] {
  if (tests === null || tests.files === 0) return [];
  const bad = tests.cases.filter(isBadTest);
  const names = bad.slice(0, 10).map(({ className, name }) => {
    return `    ${paint('red', '✖')} ${plainText([className, name].filter(Boolean).join(' '))}`;
  });
  const more = bad.length > 10 ? [paint('dim', `    and ${bad.length - 10} more`)] : [];
  return [`  ${paint('dim', testsText(tests.counts))}`, ...names, ...more];
}

function sandboxLines(sandbox: SandboxResult, paint: Paint): string[] {
  const names = sandbox.steps.map((step) => plainText(step.name));
  const width = Math.max(0, ...names.map((name) => name.length));
  const steps = sandbox.steps.map((step, index) => {
    const { mark, tone } = MARKS[step.status];
    const name = (names[index] ?? '').padEnd(width);
    return `  ${paint(tone, mark)} ${name}  ${paint('dim', plainText(stepText(step)))}`;
  });
  const { mark, tone } = MARKS[sandbox.status];
  return [
    `${paint(tone, mark)} ${paint('bold', sandboxHead(sandbox))}`,
    ...steps,
    ...serviceLines(sandbox, paint),
    ...testLines(sandbox, paint),
    ...artifactLines(sandbox, paint),
    ...networkLines(sandbox, paint),
  ];
}

/**
 * Renders the summary of a run: each sandbox and step with its outcome and time, its network, and the total. Ends with
 * a newline.
 */
export function renderSummary(result: RunResult, paint: Paint): string {
  const code = result.exitCode === 0 ? '' : `, exit ${result.exitCode}`;
  const { tone } = MARKS[result.status];
  const total = `${WORDS[result.status]} in ${formatDuration(result.durationMs)}${code}`;
  const lines = result.sandboxes.flatMap((sandbox) => sandboxLines(sandbox, paint));
  return `\n${[...lines, paint(tone, `=> ${total}`)].join('\n')}\n`;
}

/**
 * Renders every error that counts for a run, each once: an error that ended a step often ended its sandbox too.
 */
export function renderRunErrors(result: RunResult, paint: Paint): string {
  const texts: string[] = [];
  const seen = new Set<string>();
  const add = (where: string, error: ErrorData | null) => {
    if (error === null) return;
    const key = JSON.stringify([where.split(' ')[0], error.code, error.message]);
    if (seen.has(key)) return;
    seen.add(key);
    texts.push(renderErrorData({ ...error, message: `${where}: ${error.message}` }, paint));
  };
  for (const sandbox of result.sandboxes) {
    for (const step of sandbox.steps) {
      if (!step.isIgnored) add(`${sandbox.name} ${step.name}`, step.error);
    }
    add(sandbox.name, sandbox.error);
  }
  return texts.join('');
}

/** Renders what was refused on the network, for a run without a summary; empty if nothing was. */
export function renderBlocked(sandboxes: readonly SandboxResult[], paint: Paint): string {
  const lines = sandboxes.flatMap((sandbox) => {
    const blocked = blockedLines(sandbox, paint);
    return blocked.length === 0 ? [] : [plainText(sandbox.name), ...blocked];
  });
  return lines.map((line) => `${line}\n`).join('');
}
