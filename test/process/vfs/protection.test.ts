import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const O_RDWR = 2;

async function serve(directory: string, readonlyPaths: readonly string[]) {
  const client = await FuseClient.start(new RealFSProvider(directory, { readonlyPaths }));
  onTestFinished(() => client.server.close());
  return { client, root: await client.walk('m') };
}

it('a protected file is read-only by a hard link that the guest looked up first', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'gondolin.yaml');
  writeFileSync(file, 'image: debian\n');
  linkSync(file, join(directory, 'alias'));
  const { client, root } = await serve(directory, [file]);
  const alias = await client.walk('m/alias');
  await expect(client.open(alias, O_RDWR)).rejects.toThrow('EPERM');
  expect((await client.setattr(alias, { size: 0 })).status).toBe('EPERM');
  expect((await client.link(alias, root, 'third')).status).toBe('EPERM');
  expect((await client.unlink(root, 'alias')).status).toBe('EPERM');
  expect(readFileSync(file, 'utf8')).toBe('image: debian\n');
});

it('a protected file outside the mount is read-only by a hard link inside', async () => {
  const directory = temporaryDirectory();
  const file = join(temporaryDirectory(), 'policy.mjs');
  writeFileSync(file, 'export default {};\n');
  linkSync(file, join(directory, 'alias'));
  const { client } = await serve(directory, [file]);
  await expect(client.open(await client.walk('m/alias'), O_RDWR)).rejects.toThrow('EPERM');
});

it('a file that an editor puts at the protected path is read-only by its other names at once', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'gondolin.yaml');
  writeFileSync(file, 'old\n');
  const { client, root } = await serve(directory, [file]);
  writeFileSync(join(directory, 'next'), 'new\n');
  const next = await client.walk('m/next');
  linkSync(join(directory, 'next'), join(directory, 'alias'));
  renameSync(join(directory, 'next'), file);
  await expect(client.open(next, O_RDWR)).rejects.toThrow('EPERM');
  expect((await client.unlink(root, 'alias')).status).toBe('EPERM');
});

it('a handle opened before its file became the protected one writes no more', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const directory = temporaryDirectory();
  const file = join(directory, 'gondolin.yaml');
  writeFileSync(file, 'old\n');
  const { client, root } = await serve(directory, [file]);
  const { id, handle } = await client.create(root, 'next');
  expect((await client.write(id, handle, 0, Buffer.from('new\n'))).status).toBe('ok');
  renameSync(join(directory, 'next'), file);
  vi.advanceTimersByTime(100);
  expect((await client.write(id, handle, 0, Buffer.from('own\n'))).status).toBe('EPERM');
  const range = Buffer.alloc(32);
  range.writeBigUInt64LE(handle, 0);
  range.writeBigUInt64LE(100n, 16);
  expect((await client.request(OPCODE.FALLOCATE, id, range)).status).toBe('EPERM');
  expect(readFileSync(file, 'utf8')).toBe('new\n');
});

it('an inode that was the protected file before an editor replaced it is an ordinary one', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'gondolin.yaml');
  writeFileSync(file, 'old\n');
  const { client } = await serve(directory, [file]);
  await client.walk('m/gondolin.yaml');
  renameSync(file, join(directory, 'backup'));
  writeFileSync(file, 'new\n');
  const backup = await client.walk('m/backup');
  await client.open(backup, O_RDWR);
  await expect(client.open(await client.walk('m/gondolin.yaml'), O_RDWR)).rejects.toThrow('EPERM');
});

it('symbolic links on the way to a protected file can be neither removed nor replaced', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'real'));
  writeFileSync(join(directory, 'real/config.yaml'), 'image: debian\n');
  symlinkSync('real', join(directory, 'dirlink'));
  symlinkSync('step', join(directory, 'gondolin.yaml'));
  symlinkSync('dirlink/config.yaml', join(directory, 'step'));
  const { client, root } = await serve(directory, [join(directory, 'gondolin.yaml')]);
  await client.create(root, 'evil');
  for (const name of ['gondolin.yaml', 'step', 'dirlink']) {
    expect((await client.unlink(root, name)).status).toBe('EPERM');
    expect((await client.rename(root, name, root, 'away')).status).toBe('EPERM');
    expect((await client.rename(root, 'evil', root, name)).status).toBe('EPERM');
  }
  expect((await client.rename(root, 'real', root, 'away')).status).toBe('EPERM');
  await expect(client.open(await client.walk('m/real/config.yaml'), O_RDWR)).rejects.toThrow(
    'EPERM',
  );
});

it('a protected path that leads through links in a circle leaves the rest of the mount writable', async () => {
  const directory = temporaryDirectory();
  symlinkSync('b', join(directory, 'a'));
  symlinkSync('a', join(directory, 'b'));
  const { client, root } = await serve(directory, [join(directory, 'a')]);
  expect((await client.unlink(root, 'a')).status).toBe('EPERM');
  expect((await client.unlink(root, 'b')).status).toBe('EPERM');
  await client.create(root, 'free');
  rmSync(join(directory, 'free'));
  expect(execFileSync('ls', [directory], { encoding: 'utf8' })).toBe('a\nb\n');
});
