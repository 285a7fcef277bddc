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
