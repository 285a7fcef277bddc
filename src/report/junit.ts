import type { TestCase as TestReported } from '../project/test-reports/test-results.ts';
import { failureText, isFailure } from './outcome.ts';
import { plainOutput } from './plain-output.ts';
import type { RunRecord, SandboxRecord, StepRecord } from './run-record.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/** Characters that XML 1.0 cannot contain are left out, with the escape sequences they belong to. */
function xmlText(text: string): string {
  return plainOutput(text).replaceAll(/[&<>]/g, (character) => ENTITIES[character] ?? '');
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => {
      const text = plainOutput(String(value)).replaceAll(/[&<>"\n\t]/g, (c) => ENTITIES[c] ?? '');
      return ` ${name}="${text}"`;
    })
    .join('');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

type Outcome = 'passed' | 'failure' | 'error' | 'skipped';

/** A case of a suite. `detail` is the element of its outcome; passed cases have none. */
interface TestCase {
  readonly outcome: Outcome;
  readonly text: string;
}

/** Returns how a step counts. A cancelled one is an error, not a failure: nobody knows how it would have ended. */
function outcomeOf(step: StepRecord): Outcome {
  if (step.status === 'skipped') return 'skipped';
  if (!isFailure(step)) return step.isIgnored ? 'skipped' : 'passed';
  return step.error !== null || step.status === 'cancelled' ? 'error' : 'failure';
}

function outcomeElement(step: StepRecord, outcome: Outcome): string[] {
  const message = failureText(step);
  if (outcome === 'passed') return [];
  if (outcome === 'skipped')
    return [`<skipped${attributes({ message: step.reason ?? message })}/>`];
  const type = step.error?.code ?? (step.status === 'failed' ? 'exit' : step.status);
  const hint = xmlText(step.error?.hint ?? '');
  return [`<${outcome}${attributes({ message, type })}>${hint}</${outcome}>`];
}

interface Suite {
  readonly head: Readonly<Record<string, string>> & { readonly name: string };
  readonly durationMs: number;
  readonly cases: readonly TestCase[];
}

function caseElement(head: string, inner: readonly string[]): string {
  if (inner.length === 0) return `    <testcase${head}/>\n`;
  const lines = inner.map((line) => `      ${line}\n`).join('');
  return `    <testcase${head}>\n${lines}    </testcase>\n`;
}

function stepCase(sandbox: SandboxRecord, step: StepRecord): TestCase {
  const outcome = outcomeOf(step);
  const cached = attributes({ name: 'cached', value: 'true' });
  const inner = [
    ...(step.isCached ? [`<properties><property${cached}/></properties>`] : []),
    ...outcomeElement(step, outcome),
    ...(step.output === '' ? [] : [`<system-out>${xmlText(step.output)}</system-out>`]),
  ];
  const head = { name: step.name, classname: sandbox.name, time: seconds(step.durationMs) };
  return { outcome, text: caseElement(attributes(head), inner) };
}

/** A sandbox that failed by itself, for example because its VM did not start, is a case of its own. */
function sandboxCases({ name, error, steps }: SandboxRecord): TestCase[] {
  if (error === null || steps.some((step) => step.error?.message === error.message)) return [];
  const { code: type, message, hint } = error;
  const head = attributes({ name: 'sandbox', classname: name, time: '0.000' });
  const element = `<error${attributes({ message, type })}>${xmlText(hint)}</error>`;
  return [{ outcome: 'error', text: caseElement(head, [element]) }];
}

/** A test of a report that the guest wrote, as a case of this one. */
function reportedCase(test: TestReported, sandbox: string): TestCase {
  const { name, className, durationMs, outcome, message, text } = test;
  const kinds = {
    passed: 'passed',
    failed: 'failure',
    error: 'error',
    skipped: 'skipped',
  } as const;
  const kind = kinds[outcome];
  const inner = xmlText(text);
  const element = `<${kind}${attributes({ message })}${inner === '' ? '/>' : `>${inner}</${kind}>`}`;
  const time = durationMs === null ? {} : { time: seconds(durationMs) };
  const head = attributes({ name, classname: className === '' ? sandbox : className, ...time });
  return { outcome: kind, text: caseElement(head, kind === 'passed' ? [] : [element]) };
}

/** The suites of the reports that a sandbox's guest wrote, with the sandbox's name before their own. */
function reportedSuites({ name: sandbox, tests }: SandboxRecord): Suite[] {
  const bySuite = new Map<string, TestReported[]>();
  for (const test of tests?.cases ?? []) {
    const known = bySuite.get(test.suite);
    if (known === undefined) bySuite.set(test.suite, [test]);
    else known.push(test);
  }
  return [...bySuite].map(([suite, cases]) => ({
    head: { name: suite === '' ? `${sandbox}: tests` : `${sandbox}: ${suite}` },
    durationMs: cases.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0),
    cases: cases.map((test) => reportedCase(test, sandbox)),
  }));
}

function countCases(cases: readonly TestCase[]) {
  const count = (wanted: Outcome) => cases.filter(({ outcome }) => outcome === wanted).length;
  return {
    tests: cases.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
  };
}

/** The steps of a sandbox as a suite. */
function stepSuite(sandbox: SandboxRecord, startedAt: string): Suite {
  const timestamp = new Date(Date.parse(startedAt) + (sandbox.startMs ?? 0)).toISOString();
  const { name, durationMs, steps } = sandbox;
  return {
    head: { name, timestamp: timestamp.slice(0, 19), hostname: name },
    durationMs,
    cases: [...steps.map((step) => stepCase(sandbox, step)), ...sandboxCases(sandbox)],
  };
}

function suiteElement({ head: { name, ...rest }, durationMs, cases }: Suite): string {
  const head = attributes({ name, ...countCases(cases), time: seconds(durationMs), ...rest });
  return `  <testsuite${head}>\n${cases.map(({ text }) => text).join('')}  </testsuite>\n`;
}

/**
 * Returns the JUnit XML of a run: a suite for each sandbox, a case for each step, and the suites of the reports that its guest wrote.
 * A step that `continue_on_error` ignores counts as skipped, so that without such reports this one fails exactly if the run does.
 */
export function junitXml(run: RunRecord): string {
  const suites = run.sandboxes.flatMap((sandbox) => [
    stepSuite(sandbox, run.startedAt),
    ...reportedSuites(sandbox),
  ]);
  const head = attributes({
    name: run.project,
    ...countCases(suites.flatMap(({ cases }) => cases)),
    time: seconds(run.durationMs),
  });
  const text = suites.map(suiteElement).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${head}>\n${text}</testsuites>\n`;
}
