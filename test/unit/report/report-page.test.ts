import { expect, it } from 'vitest';
import { ansiHtml } from '../../../src/report/html/ansi-html.ts';
import { reportPage } from '../../../src/report/html/report-page.ts';
import { recordOf, sandboxResult, stepResult } from './run-of-test.ts';

it('reportPage() shows a failed step open, with its output and colours', () => {
  const failed = stepResult({ name: 'unit', status: 'failed', exitCode: 3 });
  const sandbox = sandboxResult([failed], { status: 'failed', exitCode: 3 });
  const page = reportPage(recordOf([sandbox], { unit: '\u001b[31mred\u001b[0m text\n' }));
  expect(page).toContain('<details open><summary>unit — <span class="bad">exit 3 in 1.5s</span>');
  expect(page).toContain('<span class="ansi-red-fg">red</span> text');
});

it('reportPage() escapes every text of a guest', () => {
  const evil = `<script>alert(1)</script>"'&`;
  const sandbox = sandboxResult([stepResult({ name: evil })], { kernel: evil });
  const page = reportPage(recordOf([sandbox], { [evil]: `${evil}\n` }));
  expect(page).not.toContain('<script');
  expect(page.match(/&lt;script&gt;alert/g)?.length).toBeGreaterThan(3);
});

it('reportPage() of 1,000 steps with much output stays below 1 MiB', () => {
  const steps = Array.from({ length: 1000 }, (_, index) =>
    stepResult({
      name: `step ${index}`,
      status: index % 3 === 0 ? 'failed' : 'succeeded',
      exitCode: 1,
    }),
  );
  const output = Object.fromEntries(
    steps.map(({ name }) => [name, '<"&>\u001b[32mok\u001b[0m\n'.repeat(500)]),
  );
  const page = reportPage(recordOf([sandboxResult(steps)], output));
  expect(Buffer.byteLength(page)).toBeLessThan(2 ** 20);
});

it('reportPage() asks for nothing from anywhere', () => {
  const page = reportPage(
    recordOf([sandboxResult([stepResult({ name: 'a' })])], { a: 'http://x.test\n' }),
  );
  expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
  expect(page).toContain("default-src 'none'");
});

it('ansiHtml() makes no link and obeys no sequence but colours', () => {
  const link = '\u001b]8;;https://x.test\u0007name\u001b]8;;\u0007';
  expect(ansiHtml(link)).toBe('name');
  expect(ansiHtml('\u001b[2J\u001b[1;1H\u001b]0;title\u0007a\u001bMb\u0007')).toBe('ab');
  expect(ansiHtml('10%\r20%\r\nend')).toBe('20%\nend');
});

it('reportPage() lists the tests that failed, and draws memory and CPU over time', () => {
  const test = { suite: 's', className: '', durationMs: 10, text: '', outcome: 'failed' as const };
  const tests = {
    files: 1,
    counts: { passed: 5, failed: 2, error: 0, skipped: 0 },
    cases: ['<b>', 'two'].map((name) => ({ ...test, name, message: '1 < 2' })),
  };
  const samples = [0, 1000, 2000, 3000].map((atMs) => ({
    atMs,
    memoryBytes: atMs * 1000,
    cpuMs: atMs === 3000 ? 3000 : atMs / 2,
  }));
  const usage = {
    ...{ cpus: 2, memoryLimitBytes: 6_000_000, peakMemoryBytes: 3_000_000, cpuMs: 3000, samples },
  };
  const page = reportPage(recordOf([sandboxResult([], { tests, usage })]));
  expect(page).toContain('7 tests: 2 failed');
  expect(page).toContain('s › &lt;b&gt;');
  expect(page).toContain('1 &lt; 2');
  expect(page).toContain('<polyline points="0,60 200,50 400,40 600,30"/>');
  expect(page).toContain('<polyline points="0,45 300,45 600,0"/>');
  expect(page).toContain('CPU: 3.0s of 2 CPUs');
});

it('reportPage() of 500 sandboxes with many samples and failed tests stays below 1 MiB', () => {
  const samples = Array.from({ length: 240 }, (_, at) => ({
    ...{ atMs: at * 500, memoryBytes: (at % 7) * 2 ** 20, cpuMs: at * 100 },
  }));
  const usage = {
    ...{ cpus: 1, memoryLimitBytes: 2 ** 29, peakMemoryBytes: 2 ** 28, cpuMs: 9, samples },
  };
  const test = { suite: 's', className: 'c', durationMs: 1, message: 'm'.repeat(1000), text: 't' };
  const cases = Array.from({ length: 200 }, (_, at) => ({
    ...{ ...test, name: `n${at}`, outcome: 'error' as const },
  }));
  const counts = { passed: 0, failed: 0, error: 200, skipped: 0 };
  const sandboxes = Array.from({ length: 500 }, (_, at) =>
    sandboxResult([stepResult({ name: 'a' }), stepResult({ name: 'b' })], {
      ...{ name: `s${at}`, usage, tests: { files: 1, counts, cases } },
    }),
  );
  expect(Buffer.byteLength(reportPage(recordOf(sandboxes)))).toBeLessThan(2 ** 20);
});

it('reportPage() lists the files of the host that a sandbox wrote, and how many more', () => {
  const files = [
    { path: 'out/<a>', change: 'written' as const },
    { path: 'old', change: 'removed' as const },
  ];
  const page = reportPage(recordOf([sandboxResult([], { writtenFiles: { files, omitted: 7 } })]));
  expect(page).toContain('<td>out/&lt;a&gt;</td><td>written</td>');
  expect(page).toContain('<td>old</td><td class="warn">removed</td>');
  expect(page).toContain('and 7 more');
});
