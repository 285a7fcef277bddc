import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-real-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function serve(directory: string, options: { readonlyPaths?: string[] } = {}) {
  const client = await FuseClient.start(new RealFSProvider(directory, options), { uid: 0, gid: 0 });
  onTestFinished(() => client.server.close());
  return { client, root: await client.walk('m') };
}

/** Descriptors of this process of files in that directory, and of itself. Others come and go with the runner. */
function openDescriptors(directory: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
    } catch {
      // The descriptor by which the list was read.
      return false;
    }
  }).length;
}

it('a host path that is missing rejects the start with VFS_MOUNT_FAILED', async () => {
  const started = FuseClient.start(new RealFSProvider('/no/such/place'));
  await expect(started).rejects.toMatchObject({ code: 'VFS_MOUNT_FAILED' });
});

it('set-id bits, devices and owners never take effect on the host, and outlive the server', async () => {
  const directory = temporary();
  const { client, root } = await serve(directory);
  const { id } = await client.create(root, 'tool', 0o755);
  await client.setattr(id, { uid: 4242 });
  await client.setattr(id, { mode: 0o6755 });
  await client.mknod(root, 'disk', 0o060660, 2049);
  expect(statSync(join(directory, 'tool')).mode & 0o7777).toBe(0o755);
  expect(statSync(join(directory, 'tool')).uid).toBe(process.getuid?.());
  expect(statSync(join(directory, 'disk')).isFile()).toBe(true);
  await client.server.close();
  const again = await serve(directory);
  expect(await again.client.stat(await again.client.walk('m/tool'))).toMatchObject({
    mode: 0o106755,
    uid: 4242,
  });
  expect((await again.client.stat(await again.client.walk('m/disk'))).mode).toBe(0o060660);
});

it('a mode that the host user changed since wins over the remembered one', async () => {
  const directory = temporary();
  const { client, root } = await serve(directory);
  const { id } = await client.create(root, 'file', 0o4711);
  execFileSync('chmod', ['600', join(directory, 'file')]);
  expect((await client.stat(id)).mode).toBe(0o100600);
});

it('an attribute that another program wrote badly is ignored', async () => {
  const directory = temporary();
  writeFileSync(join(directory, 'file'), 'x');
  const python = `import os,sys; os.setxattr(sys.argv[1], 'user.gondolin.stat', b'1 99999999999 - 7777777 0 0')`;
  execFileSync('python3', ['-c', python, join(directory, 'file')]);
  const { client } = await serve(directory);
  expect(await client.stat(await client.walk('m/file'))).toMatchObject({ uid: 0, mode: 0o100644 });
});

it('a read-only file is written by who may: its mode on the host stays', async () => {
  const directory = temporary();
  const { client, root } = await serve(directory);
  const { id, handle } = await client.create(root, 'object', 0o444);
  await client.write(id, handle, 0, Buffer.from('data'));
  expect(statSync(join(directory, 'object')).mode & 0o777).toBe(0o444);
});

it('symbolic links are never followed on the host', async () => {
  const directory = temporary();
  const outside = temporary();
  writeFileSync(join(outside, 'secret'), 'secret');
  symlinkSync(outside, join(directory, 'out'));
  symlinkSync(join(outside, 'secret'), join(directory, 'file'));
  const { client, root } = await serve(directory);
  await expect(client.walk('m/out/secret')).rejects.toThrow('ENOTDIR');
  await expect(client.open(await client.walk('m/file'), 0)).rejects.toThrow(/EACCES|ELOOP/);
  await expect(client.create(root, 'file', 0o644, 0o1002)).rejects.toThrow(/EACCES|ELOOP/);
  await client.setattr(await client.walk('m/file'), { mode: 0o777 });
  expect(statSync(join(outside, 'secret')).mode & 0o777).toBe(0o644);
});

it('a host that swaps directories for links never lets a name from outside through', async () => {
  const directory = temporary();
  const outside = temporary();
  mkdirSync(join(directory, 'd'));
  writeFileSync(join(directory, 'd/name'), 'inside');
  writeFileSync(join(outside, 'name'), 'outside');
  const script = `const fs=require('fs');process.chdir(${JSON.stringify(directory)});fs.symlinkSync(${JSON.stringify(outside)},'l');
    for(;;){fs.renameSync('d','x');fs.renameSync('l','d');fs.renameSync('d','l');fs.renameSync('x','d')}`;
  const racer = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  onTestFinished(() => void racer.kill('SIGKILL'));
  const { client } = await serve(directory);
  const seen = new Set<string>();
  const until = Date.now() + 1500;
  while (Date.now() < until) {
    try {
      const id = await client.walk('m/d/name');
      const handle = await client.open(id, 0);
      seen.add((await client.read(id, handle, 0, 100)).body.toString());
      await client.release(id, handle);
    } catch (error) {
      seen.add(`error ${(error as Error).message}`);
    }
  }
  expect(seen).toContain('inside');
  expect([...seen].filter((text) => text.includes('outside'))).toEqual([]);
});

it('the project file cannot be changed, replaced, moved or reached by another name', async () => {
  const directory = temporary();
  const file = join(directory, 'ci/gondolin.yaml');
  mkdirSync(join(directory, 'ci'));
  writeFileSync(file, 'image: debian\n');
  linkSync(file, join(directory, 'alias'));
  const { client, root } = await serve(directory, { readonlyPaths: [file] });
  const ci = await client.walk('m/ci');
  const id = await client.walk('m/ci/gondolin.yaml');
  await client.create(root, 'evil');
  await expect(client.open(id, 0o1)).rejects.toThrow('EPERM');
  await expect(client.open(id, 0o1000)).rejects.toThrow('EPERM');
  await expect(client.open(await client.walk('m/alias'), 0o2)).rejects.toThrow('EPERM');
  await expect(client.create(ci, 'gondolin.yaml')).rejects.toThrow('EPERM');
  const refused = [
    client.setattr(id, { size: 0 }),
    client.setattr(id, { mode: 0o777 }),
    client.unlink(ci, 'gondolin.yaml'),
    client.link(id, root, 'other'),
    client.rename(ci, 'gondolin.yaml', root, 'x'),
    client.rename(root, 'evil', ci, 'gondolin.yaml'),
    client.rename(root, 'evil', ci, 'gondolin.yaml', 2),
    client.rename(root, 'ci', root, 'ci2'),
    client.symlink(ci, 'gondolin.yaml', 'evil'),
  ];
  for (const reply of await Promise.all(refused)) expect(reply.status).toBe('EPERM');
  expect(readFileSync(file, 'utf8')).toBe('image: debian\n');
  rmSync(file);
  await expect(client.create(ci, 'gondolin.yaml')).rejects.toThrow('EPERM');
  await client.create(ci, 'neighbour');
  expect(existsSync(join(directory, 'ci/neighbour'))).toBe(true);
});

it('names that are unlinked or renamed without being looked up hold no descriptor', async () => {
  const directory = temporary();
  for (let file = 0; file < 200; file++) writeFileSync(join(directory, `f${file}`), '');
  const { client, root } = await serve(directory);
  const before = openDescriptors(directory);
  for (let file = 0; file < 100; file++) await client.unlink(root, `f${file}`);
  for (let file = 100; file < 200; file++) await client.rename(root, `f${file}`, root, 'target');
  expect(openDescriptors(directory)).toBe(before);
});

it('a name that exists and cannot be opened by CREATE holds no descriptor', async () => {
  const directory = temporary();
  for (let index = 0; index < 20; index++) mkdirSync(join(directory, `directory-${index}`));
  const { client, root } = await serve(directory);
  const before = openDescriptors(directory);
  for (let index = 0; index < 20; index++) {
    await expect(client.create(root, `directory-${index}`)).rejects.toThrow('EACCES');
  }
  expect(openDescriptors(directory)).toBe(before);
});

it('the present, as touch sets it, is that of the clock of the host file system', async () => {
  const directory = temporary();
  const { client, root } = await serve(directory);
  const { id } = await client.create(root, 'file');
  await client.setattr(id, { mtimeNs: 1n });
  await client.setattr(id, { isNow: true });
  const { atimeNs, mtimeNs, ctimeNs } = await client.stat(id);
  expect([atimeNs, mtimeNs]).toEqual([ctimeNs, ctimeNs]);
});

it('a large file is truncated, emptied by an open and freed off the main thread, with the same results', async () => {
  const directory = temporary();
  const { client, root } = await serve(directory);
  const { id, handle } = await client.create(root, 'large');
  const allocate = async (length: number) => {
    const body = Buffer.alloc(32);
    body.writeBigUInt64LE(handle, 0);
    body.writeBigUInt64LE(BigInt(length), 16);
    return (await client.request(OPCODE.FALLOCATE, id, body)).status;
  };
  const size = 80 * 2 ** 20;
  expect(await allocate(size)).toBe('ok');
  expect((await client.stat(id)).size).toBe(size);
  expect((await client.setattr(id, { size: 5, mode: 0o600 })).status).toBe('ok');
  expect(statSync(join(directory, 'large'))).toMatchObject({
    size: 5,
    blocks: expect.toSatisfy((blocks) => blocks <= 8),
  });
  expect(await allocate(size)).toBe('ok');
  const again = await client.open(id, 0o1002);
  expect((await client.stat(id)).size).toBe(0);
  expect(await allocate(2 ** 62)).toBe('EINVAL');
  expect(await allocate(2 ** 53 - 4096)).toMatch(/ENOSPC|EFBIG/);
  expect(await allocate(size)).toBe('ok');
  await client.unlink(root, 'large');
  await client.release(id, again);
  await client.release(id, handle);
});

it('close() gives every descriptor back', async () => {
  const directory = temporary();
  const before = openDescriptors(directory);
  const { client, root } = await serve(directory);
  for (let file = 0; file < 50; file++) await client.create(root, `f${file}`);
  await client.server.close();
  expect(openDescriptors(directory)).toBe(before);
});

it('ReadonlyProvider refuses every change with EROFS and still reads', async () => {
  const directory = temporary();
  writeFileSync(join(directory, 'file'), 'text');
  const client = await FuseClient.start(new ReadonlyProvider(directory));
  onTestFinished(() => client.server.close());
  const root = await client.walk('m');
  const id = await client.walk('m/file');
  await expect(client.open(id, 1)).rejects.toThrow('EROFS');
  await expect(client.create(root, 'new')).rejects.toThrow('EROFS');
  for (const reply of await Promise.all([
    client.setattr(id, { size: 0 }),
    client.unlink(root, 'file'),
    client.mkdir(root, 'd'),
    client.rename(root, 'file', root, 'x'),
    client.link(id, root, 'x'),
    client.symlink(root, 'l', 'x'),
    client.mknod(root, 'n', 0o100644),
  ])) {
    expect(reply.status).toBe('EROFS');
  }
  const handle = await client.open(id, 0);
  expect((await client.read(id, handle, 0, 10)).body.toString()).toBe('text');
});

it('a guest that takes all descriptors it can get leaves the others and the process theirs', () => {
  const [first, second] = [temporary(), temporary()];
  const tsx = resolve(import.meta.dirname, '../../../node_modules/tsx/dist/esm/index.mjs');
  const hog = resolve(import.meta.dirname, '../../fixtures/descriptor-hog.ts');
  const argv = ['--nofile=256:256', process.execPath, '--import', tsx, hog, first, second];
  const { results, held } = JSON.parse(execFileSync('prlimit', argv, { encoding: 'utf8' }));
  const ENFILE = 23;
  expect(results).toEqual([
    { opened: 16, refused: ENFILE },
    { opened: 16, refused: ENFILE },
  ]);
  expect(held).toBeLessThan(256);
});
