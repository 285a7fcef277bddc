import { hostText } from '../net/audit/network-summary.ts';
import { reasonText } from '../net/refusal/refusal-text.ts';
import { formatBytes, formatDuration } from '../util/quantities.ts';
import { failureText, isBadTest, isFailure, testsText } from './outcome.ts';
import { plainOutput } from './plain-output.ts';
import type { RunRecord, SandboxRecord, StepRecord } from './run-record.ts';

/** GitHub shows at most 1 MiB of a step's summaries. */
const MAX_ROWS = 500;
/** Tests of a sandbox that are named because they did not pass. */
const MAX_TESTS = 50;

/** Returns untrusted text for a cell of a table: nothing in it is markup, a link or a mention. */
function cellText(text: string): string {
  const line = plainOutput(text).replaceAll(/\s+/g, ' ');
  return line.replaceAll(/[&<>|`*_[\]@#!\\~]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function markOf(step: StepRecord): string {
  if (step.isCached) return '✅ cached';
  if (step.status === 'succeeded') return '✅';
  if (step.status === 'skipped') return '⏭️ skipped';
  return `${isFailure(step) ? '❌' : '⚠️'} ${cellText(failureText(step))}`;
}

function stepRow(sandbox: SandboxRecord, step: StepRecord): string {
  const time = step.attempts > 0 ? formatDuration(step.durationMs) : '';
  return `| ${cellText(sandbox.name)} | ${cellText(step.name)} | ${markOf(step)} | ${time} |`;
}

function blockedLines({ name, network }: SandboxRecord): string[] {
  return network.blocked.slice(0, 20).map((use) => {
    const text = `${name}: blocked ${hostText(use)}: ${reasonText(use.refusal)}`;
    return `- ${cellText(text)}`;
  });
}

function testLines({ name, tests }: SandboxRecord): string[] {
  if (tests === null || tests.files === 0) return [];
  const bad = tests.cases.filter(isBadTest).slice(0, MAX_TESTS);
  return [
    `- ${cellText(`${name}: ${testsText(tests.counts)}`)}`,
    ...bad.map((test) => `  - ❌ ${cellText(`${test.className} ${test.name}: ${test.message}`)}`),
  ];
}

function artifactLines({ name, artifacts }: SandboxRecord): string[] {
  if (artifacts === null) return [];
  const { files, bytes, directory } = artifacts;
  return [`- ${cellText(`${name}: ${files} artifacts, ${formatBytes(bytes)}, in ${directory}`)}`];
}

/** Returns the summary of a run in GitHub's Markdown, for the file of `$GITHUB_STEP_SUMMARY`. */
export function githubSummary(run: RunRecord): string {
  const rows = run.sandboxes.flatMap((sandbox) =>
    sandbox.steps.map((step) => stepRow(sandbox, step)),
  );
  const more = rows.length > MAX_ROWS ? [`and ${rows.length - MAX_ROWS} more steps`, ''] : [];
  const blocked = run.sandboxes.flatMap(blockedLines);
  const artifacts = run.sandboxes.flatMap(artifactLines);
  const tests = run.sandboxes.flatMap(testLines);
  return [
    `### ${run.exitCode === 0 ? '✅' : '❌'} ${cellText(run.project)}: ${run.status} in ${formatDuration(run.durationMs)}`,
    '',
    '| Sandbox | Step | Result | Time |',
    '|---|---|---|---|',
    ...rows.slice(0, MAX_ROWS),
    '',
    ...more,
    ...(blocked.length === 0 ? [] : [...blocked, '']),
    ...(tests.length === 0 ? [] : [...tests, '']),
    ...(artifacts.length === 0 ? [] : [...artifacts, '']),
  ].join('\n');
}

/** A workflow command ends with its line; these characters mean something in its values. */
function commandText(text: string, isProperty: boolean): string {
  const pattern = isProperty ? /[%\r\n:,]/g : /[%\r\n]/g;
  return plainOutput(text).replaceAll(
    pattern,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Returns a workflow command of GitHub for each failure of a run, which then annotates the workflow. */
export function githubAnnotations(run: RunRecord): string {
  const lines = run.sandboxes.flatMap((sandbox) => {
    const failed = sandbox.steps.filter(isFailure).map((step) => ({
      title: `${sandbox.name} ${step.name}`,
      text: failureText(step),
    }));
    const { error, name } = sandbox;
    const own = error === null ? [] : [{ title: name, text: `${error.code}: ${error.message}` }];
    return failed.length > 0 ? failed : own;
  });
  return lines
    .map(
      ({ title, text }) =>
        `::error title=${commandText(title, true)}::${commandText(text, false)}\n`,
    )
    .join('');
}
