import { formatBytes, formatDuration } from '../../util/quantities.ts';
import { shorten } from '../bounded-text.ts';
import { failureText, isFailure } from '../outcome.ts';
import type { RunRecord, SandboxRecord, StepRecord } from '../run-record.ts';
import { ansiHtml } from './ansi-html.ts';
import { escapeHtml } from './escape-html.ts';
import { filesHtml } from './files-table.ts';
import { networkHtml } from './network-table.ts';
import { PAGE_STYLE } from './page-style.ts';
import { testsHtml } from './tests-table.ts';
import { timelineHtml } from './timeline.ts';
import { toneOf } from './tone.ts';
import { usageHtml } from './usage-charts.ts';

/** HTML of all outputs together, in characters: a page of 1,000 steps stays below 1 MiB. */
const OUTPUT_BUDGET = 400_000;
const MAX_OUTPUT_LENGTH = 48_000;

const WORDS = {
  succeeded: 'succeeded',
  failed: 'failed',
  'timed-out': 'timed out',
  cancelled: 'cancelled',
  skipped: 'skipped',
} as const;

/** Returns how long the HTML of a step's output may be: steps that failed get most of the page. */
function outputShares(run: RunRecord): (step: StepRecord) => number {
  const steps = run.sandboxes.flatMap((sandbox) => sandbox.steps).filter(({ output }) => output);
  const failed = steps.filter(isFailure).length;
  const share = (count: number, part: number) =>
    Math.min(MAX_OUTPUT_LENGTH, Math.floor((OUTPUT_BUDGET * part) / Math.max(1, count)));
  const shares = { failed: share(failed, 0.6), others: share(steps.length - failed, 0.4) };
  return (step) => (isFailure(step) ? shares.failed : shares.others);
}

/** Returns the output as HTML of at most about `maxLength`, without its middle if need be: colours can make it many times as long. */
function outputHtml(output: string, maxLength: number): string {
  let textLength = maxLength;
  for (;;) {
    const html = ansiHtml(shorten(output, textLength));
    if (html.length <= maxLength || textLength < 100) return html;
    textLength = Math.floor((textLength * 0.9 * maxLength) / html.length);
  }
}

function stepHtml(step: StepRecord, shareOf: (step: StepRecord) => number): string {
  const failure = failureText(step);
  const state = step.isCached ? 'cached' : failure || WORDS[step.status];
  const attempts = step.attempts > 1 ? `, ${step.attempts} attempts` : '';
  const time = step.attempts > 0 ? ` in ${formatDuration(step.durationMs)}${attempts}` : '';
  const why = step.reason === null ? '' : `: ${step.reason}`;
  const text = `<span class="${toneOf(step.status, step.isIgnored)}">${escapeHtml(state + time + why)}</span>`;
  const summary = `${escapeHtml(step.name)} — ${text}`;
  if (step.output === '') return `<details><summary>${summary}</summary></details>\n`;
  const output = outputHtml(step.output, shareOf(step));
  const open = isFailure(step) ? ' open' : '';
  return `<details${open}><summary>${summary}</summary><pre>${output}</pre></details>\n`;
}

function errorHtml({ error }: SandboxRecord): string {
  if (error === null) return '';
  const { code, message, hint } = error;
  return `<p class="bad">${escapeHtml(`${code}: ${message}`)}<br><span class="dim">${escapeHtml(hint)}</span></p>\n`;
}

function factsText({ image, bootMs, kernel, exitCode, durationMs }: SandboxRecord): string {
  return [
    `in ${formatDuration(durationMs)}`,
    `image ${image}`,
    ...(bootMs === null ? [] : [`start ${formatDuration(bootMs)}`]),
    ...(kernel === null ? [] : [`Linux ${kernel}`]),
    ...(exitCode === 0 ? [] : [`exit ${exitCode}`]),
  ].join(', ');
}

function sandboxHtml(
  sandbox: SandboxRecord,
  sandboxCount: number,
  shareOf: (step: StepRecord) => number,
): string {
  const { name, status, warnings } = sandbox;
  const head = `${escapeHtml(name)} <span class="${toneOf(status)}">${WORDS[status]}</span>`;
  const facts = `<p class="dim">${escapeHtml(factsText(sandbox))}</p>\n`;
  const { artifacts } = sandbox;
  const copied =
    artifacts === null
      ? ''
      : `<p>${escapeHtml(`${artifacts.files} artifacts, ${formatBytes(artifacts.bytes)}, in ${artifacts.directory}`)}</p>\n`;
  const notes = warnings.map((text) => `<p class="warn">${escapeHtml(text)}</p>\n`).join('');
  const steps = sandbox.steps.map((step) => stepHtml(step, shareOf)).join('');
  return `<section>\n<h2>${head}</h2>\n${facts}${errorHtml(sandbox)}${notes}${copied}${testsHtml(sandbox, sandboxCount)}${steps}${usageHtml(sandbox, sandboxCount)}${networkHtml(sandbox)}${filesHtml(sandbox, sandboxCount)}</section>\n`;
}

function counted(count: number, noun: string, ending: string): string {
  return `${count} ${noun}${count === 1 ? '' : ending}`;
}

function countsText(run: RunRecord): string {
  const steps = run.sandboxes.flatMap(({ steps }) => steps);
  const cached = steps.filter(({ isCached }) => isCached).length;
  const failed = steps.filter(isFailure).length;
  const blocked = run.sandboxes.reduce((sum, { network }) => sum + network.blockedCount, 0);
  return [
    `${counted(run.sandboxes.length, 'sandbox', 'es')}, ${counted(steps.length, 'step', 's')}`,
    ...(cached > 0 ? [`${cached} cached`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(blocked > 0 ? [`${blocked} blocked on the network`] : []),
  ].join(', ');
}

/**
 * Returns the report of a run as one page that needs nothing else: no script, no request, colours by the reader's light
 * or dark setting. Text of guests is escaped, and the page's own policy forbids what an escape might have missed.
 */
export function reportPage(run: RunRecord): string {
  const shareOf = outputShares(run);
  const title = escapeHtml(run.project);
  const when = escapeHtml(run.startedAt.replace(/\.\d+Z$/, 'Z').replace('T', ' '));
  const state = `<span class="${toneOf(run.status)}">${WORDS[run.status]}</span>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}: ${WORDS[run.status]}</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1>${title} ${state}</h1>
<p class="dim">${when}, ${formatDuration(run.durationMs)}, exit ${run.exitCode}: ${escapeHtml(countsText(run))}</p>
${timelineHtml(run)}${run.sandboxes.map((sandbox) => sandboxHtml(sandbox, run.sandboxes.length, shareOf)).join('')}</body>
</html>
`;
}
