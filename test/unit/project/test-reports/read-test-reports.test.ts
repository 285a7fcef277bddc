import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { runPlan } from '../../../../src/project/run-plan.ts';
import {
  type ReportFiles,
  readTestReports,
} from '../../../../src/project/test-reports/read-test-reports.ts';
import { errorOf } from '../../../fixtures/project-text.ts';
import { fakeVms, plan, recorder, sandbox, step } from '../fake-vm.ts';

const ONE = '<testsuite name="s"><testcase name="a"/></testsuite>';
const TWO = '<testsuite name="s"><testcase name="b"><failure/></testcase></testsuite>';

interface GuestFile {
  readonly text: string | GondolinError;
  readonly mtimeMs?: number;
  readonly isFile?: boolean;
}

function guestFiles(files: Readonly<Record<string, GuestFile>>): ReportFiles {
  return {
    glob: async (pattern: string) =>
      Object.keys(files).filter((path) => path.startsWith(pattern.replace('*', ''))),
    stat: async (path: string) => ({
      mtimeMs: files[path]?.mtimeMs ?? 2000,
      isFile: () => files[path]?.isFile ?? true,
    }),
    readFile: async (path: string) => {
      const text = files[path]?.text ?? '';
      if (typeof text !== 'string') throw text;
      return Buffer.from(text);
    },
  } as unknown as ReportFiles;
}

async function read(patterns: readonly string[], files: Readonly<Record<string, GuestFile>>) {
  const warnings: string[] = [];
  const never = new AbortController().signal;
  const wanted = { patterns, sinceMs: 1000 };
  const warn = (message: string) => void warnings.push(message);
  const results = await readTestReports(wanted, guestFiles(files), never, warn);
  return { results, warnings };
}

it('readTestReports() adds up the tests of all files that match, each once', async () => {
  const files = { 'out/b.xml': { text: TWO }, 'out/a.xml': { text: ONE } };
  const { results, warnings } = await read(['out/*', 'out/a.xml'], files);
  expect(results.files).toBe(2);
  expect(results.cases.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(results.counts).toEqual({ passed: 1, failed: 1, error: 0, skipped: 0 });
  expect(warnings).toEqual([]);
});

it('readTestReports() leaves out what is older than the run, and says so', async () => {
  const files = { 'out/a.xml': { text: ONE, mtimeMs: 999 } };
  const { results, warnings } = await read(['out/*', 'none*'], files);
  expect(results.files).toBe(0);
  expect(warnings).toEqual([
    'reports: what matches out/* is older than this run',
    'reports: nothing matches none*',
  ]);
});

it('readTestReports() warns of a file that is no report, and reads the others', async () => {
  const tooLarge = new GondolinError('FILES_TOO_LARGE', 'it has more than 8 bytes');
  const files = {
    'out/a.xml': { text: 'ok 1' },
    'out/b.xml': { text: tooLarge },
    'out/c.xml': { text: '', isFile: false },
    'out/d.xml': { text: TWO },
  };
  const { results, warnings } = await read(['out/*'], files);
  expect(results).toMatchObject({ files: 1, counts: { failed: 1 } });
  expect(warnings[0]).toContain('out/a.xml is not a JUnit report: line 1');
  expect(warnings[1]).toBe('reports: out/b.xml: it has more than 8 bytes');
});

it('a run reads the reports after a failure too, and a guest that loses them changes no result', async () => {
  const results = { files: 1, counts: { passed: 0, failed: 2, error: 0, skipped: 0 }, cases: [] };
  for (const tests of [async () => results, () => Promise.reject(new Error('lost'))]) {
    const { createVm } = fakeVms(undefined, (vm) => {
      vm.tests = tests;
    });
    const { onEvent, lines } = recorder();
    const done = await runPlan(plan(sandbox('box', [step('a', 'exit 3')])), { createVm, onEvent });
    expect(done.exitCode).toBe(3);
    expect(lines()).toContain(
      done.sandboxes[0]?.tests === null ? 'warning reports: lost' : 'tests-read 2',
    );
  }
});

it('a pattern of reports cannot leave its directory', () => {
  const [issue] = errorOf('reports: { junit: "../a.xml" }\nsteps: [ls]\n');
  expect(issue).toMatchObject({ code: 'guest_path', at: { line: 1 } });
});
