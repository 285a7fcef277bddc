import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileSha256 } from '../../../src/image/cache/file-digest.ts';
import { digestBytes } from '../../../src/image/cache/verify-files.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('fileSha256() gives the digest of the bytes that a file has now', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'program');
  const digestOf = (text: string) => digestBytes(Buffer.from(text));
  writeFileSync(path, 'first');
  await expect(fileSha256(path)).resolves.toBe(digestOf('first'));
  await expect(fileSha256(path)).resolves.toBe(digestOf('first'));
  writeFileSync(path, 'longer');
  await expect(fileSha256(path)).resolves.toBe(digestOf('longer'));
  // Another file of the same length, under the same name.
  writeFileSync(join(directory, 'next'), 'LONGER');
  renameSync(join(directory, 'next'), path);
  await expect(fileSha256(path)).resolves.toBe(digestOf('LONGER'));
});

it('fileSha256() rejects for a file that is not there', async () => {
  const path = join(temporaryDirectory(), 'none');
  await expect(fileSha256(path)).rejects.toMatchObject({ code: 'ENOENT' });
});
