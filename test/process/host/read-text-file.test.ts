import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTextFile } from '../../../src/host/read-text-file.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('readTextFile() gives the whole text, at most its limit, and null for a missing file', async () => {
  const path = join(temporaryDirectory(), 'file');
  expect(await readTextFile(path, 100)).toBeNull();
  writeFileSync(path, '');
  expect(await readTextFile(path, 100)).toBe('');
  writeFileSync(path, 'a text with ü');
  expect(await readTextFile(path, 100)).toBe('a text with ü');
  expect(await readTextFile(path, 6)).toBe('a text');
  appendFileSync(path, 'x'.repeat(300_000));
  expect(await readTextFile(path, 2 ** 20)).toBe(`a text with ü${'x'.repeat(300_000)}`);
});

it('readTextFile() reads a file of /proc, which says that it has no bytes', async () => {
  expect(await readTextFile('/proc/self/status', 2 ** 20)).toContain('Pid:');
});

it('readTextFile() throws the error of the system for what is no file', async () => {
  await expect(readTextFile('/', 100)).rejects.toMatchObject({ code: 'EISDIR' });
});
