import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { setRootTime } from '../../../../src/image/oci/layer/root-time.ts';
import { listRootfs } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

// Inodes of files have 32 bytes: the root's falls on each place at the end of a block of 8,192, and behind it.
it.each([1, 253, 254, 255, 256, 257, 511])(
  'setRootTime() sets the time of the root, and nothing else, beside %i files',
  async (files) => {
    const path = join(temporaryDirectory(), 'rootfs.squashfs');
    const tar = rawTar(
      ...Array.from({ length: files }, (_, at) => ({ name: `${at}`, content: 'x' })),
    );
    const args = ['-noI', '-comp', 'lz4', '-no-progress', path];
    execFileSync('sqfstar', args, { input: tar, stdio: ['pipe', 'ignore', 'pipe'] });
    const [, ...before] = listRootfs(path);
    await setRootTime(path, 1_000_000_000);
    const [root, ...after] = listRootfs(path);
    expect(root).toContain('2001-09-09 01:46');
    expect(after).toEqual(before);
  },
);

it('setRootTime() refuses a file that is not a squashfs, or has compressed inodes', async () => {
  const directory = temporaryDirectory();
  const [text, compressed] = ['text', 'compressed'].map((name) => join(directory, name));
  writeFileSync(text ?? '', 'x'.repeat(200));
  const tar = rawTar(...Array.from({ length: 99 }, (_, at) => ({ name: `${at}` })));
  execFileSync('sqfstar', ['-no-progress', compressed ?? ''], {
    input: tar,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  for (const path of [text, compressed]) {
    const code = 'IMAGE_BUILD_FAILED';
    await expect(setRootTime(path ?? '', 1)).rejects.toMatchObject({ code });
  }
});
