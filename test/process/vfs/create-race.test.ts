import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { O_CREAT } from '../../../src/vfs/file-mode.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

let onCreate = (): void => undefined;

/** The modules as they are where a program of the host acts between two system calls. Other files have loaded them without it. */
async function modulesWithRace() {
  vi.resetModules();
  vi.doMock('../../../src/host/libc.ts', async (importOriginal) => {
    const real = await importOriginal<typeof import('../../../src/host/libc.ts')>();
    const openAt: typeof real.openAt = (directory, name, flags, mode) => {
      const fd = real.openAt(directory, name, flags, mode);
      if ((flags & O_CREAT) !== 0) onCreate();
      return fd;
    };
    return { ...real, openAt };
  });
  onTestFinished(() => {
    vi.doUnmock('../../../src/host/libc.ts');
    vi.resetModules();
  });
  return {
    ...(await import('../../../src/vfs/real-fs-provider.ts')),
    ...(await import('../../fixtures/fuse-client.ts')),
  };
}

it('a new file is the one that was made, also when the host puts another one at its name', async () => {
  const directory = temporaryDirectory();
  const { RealFSProvider, FuseClient } = await modulesWithRace();
  const client = await FuseClient.start(new RealFSProvider(directory));
  onTestFinished(() => client.server.close());
  const root = await client.walk('m');
  const at = (name: string) => join(directory, name);
  onCreate = () => {
    renameSync(at('new'), at('moved'));
    writeFileSync(at('new'), 'of the host', { mode: 0o640 });
  };
  const { id, handle } = await client.create(root, 'new', 0o4755);
  await client.write(id, handle, 0, Buffer.from('of the guest'));
  expect(readFileSync(at('new'), 'utf8')).toBe('of the host');
  expect(statSync(at('new')).mode & 0o7777).toBe(0o640);
  expect(readFileSync(at('moved'), 'utf8')).toBe('of the guest');
  expect((await client.stat(id)).mode).toBe(0o104755);
});
