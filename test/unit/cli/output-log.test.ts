import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { OutputLog } from '../../../src/cli/ui/text/output-log.ts';

const LIMITS = { memoryBytes: 8, fileBytes: 16, tailBytes: 4 };

function logWith(texts: readonly string[], limits = LIMITS): OutputLog {
  const log = new OutputLog(limits);
  onTestFinished(() => log.dispose());
  for (const text of texts) log.append(text);
  return log;
}

function textOf(log: OutputLog): string {
  return [...log.read()].join('');
}

it.each([
  ['in memory', ['abc', 'def']],
  ['over into the file', ['abcdef', 'ghijkl', 'mnop']],
  ['up to the last byte of the file', ['abcdefgh', 'ijklmnopqrstuvwx']],
  ['with characters cut at the borders', ['äöüäöüäöü', '€€']],
])('OutputLog keeps everything %s', (_name, texts) => {
  expect(textOf(logWith(texts))).toBe(texts.join(''));
});

it('OutputLog keeps head and tail of long output, and marks the gap', () => {
  const log = logWith([...'abcdefghijklmnopqrstuvwx0123456789']);
  expect(textOf(log)).toBe('abcdefghijklmnopqrstuvwx\n[6 bytes of output omitted]\n6789');
});

it('OutputLog can be read twice and keeps 3 MiB with the usual limits', () => {
  const log = new OutputLog();
  onTestFinished(() => log.dispose());
  const line = `${'x'.repeat(1023)}\n`;
  for (let count = 0; count < 3072; count += 1) log.append(line);
  expect(textOf(log)).toHaveLength(3 * 2 ** 20);
  expect(textOf(log)).toBe(line.repeat(3072));
});

it('OutputLog leaves no file to find, even while it is open', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  vi.stubEnv('TMPDIR', directory);
  onTestFinished(() => void vi.unstubAllEnvs());
  const log = logWith(['abcdefghijklmnop']);
  expect(readdirSync(directory)).toEqual([]);
  expect(textOf(log)).toBe('abcdefghijklmnop');
});

it('OutputLog keeps head and tail when the file cannot be created', () => {
  vi.stubEnv('TMPDIR', '/no/such/directory');
  onTestFinished(() => void vi.unstubAllEnvs());
  const text = textOf(logWith([...'abcdefghijklmnop']));
  expect(text).toMatch(/^abcdefgh\n\[4 bytes of output omitted \(ENOENT.*\)\]\nmnop$/);
});
