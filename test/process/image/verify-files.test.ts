import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  digestBytes,
  digestFile,
  findDamage,
  recordVerified,
} from '../../../src/image/cache/verify-files.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

function prepare(text: string) {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'data'), text);
  const files = { data: { sizeBytes: 5, sha256: digestBytes(Buffer.from('right')) } };
  return { directory, files, stampPath: join(directory, 'stamp') };
}

it('digestFile() gives size and sha256 of a file of several chunks', async () => {
  const { directory } = prepare('');
  const bytes = Buffer.alloc(3_000_000, 7);
  writeFileSync(join(directory, 'data'), bytes);
  await expect(digestFile(join(directory, 'data'))).resolves.toEqual({
    sizeBytes: bytes.length,
    sha256: digestBytes(bytes),
  });
});

it('findDamage() reads the files when there is no stamp', async () => {
  const good = prepare('right');
  await expect(findDamage(good.directory, good.files, good.stampPath)).resolves.toBeNull();
  const bad = prepare('wrong');
  await expect(findDamage(bad.directory, bad.files, bad.stampPath)).resolves.toContain("'data'");
});

it('findDamage() does not read the files again until their metadata changes', async () => {
  const { directory, files, stampPath } = prepare('wrong');
  await recordVerified(directory, files, stampPath);
  await expect(findDamage(directory, files, stampPath)).resolves.toBeNull();
  utimesSync(join(directory, 'data'), 1, 1);
  await expect(findDamage(directory, files, stampPath)).resolves.toContain('digest');
});

it('findDamage() reads the files when the stamp is of another digest or broken', async () => {
  const { directory, files, stampPath } = prepare('right');
  writeFileSync(stampPath, 'garbage');
  await expect(findDamage(directory, files, stampPath)).resolves.toBeNull();
  const other = { data: { ...files.data, sha256: '0'.repeat(64) } };
  await expect(findDamage(directory, other, stampPath)).resolves.toContain('digest');
});

it('findDamage() names a directory that stands where a file should', async () => {
  const { directory, stampPath } = prepare('right');
  mkdirSync(join(directory, 'tree'));
  const files = { tree: { sizeBytes: 4096, sha256: '0'.repeat(64) } };
  await expect(findDamage(directory, files, stampPath)).resolves.toContain('not a regular file');
});
