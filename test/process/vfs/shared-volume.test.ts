import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { VirtualStatStore } from '../../../src/vfs/real/attributes/virtual-stat.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

async function serve(directory: string) {
  const client = await FuseClient.start(new RealFSProvider(directory));
  onTestFinished(() => client.server.close());
  return { client, root: await client.walk('m') };
}

it('two VMs that share a volume see and keep the owners and modes that the other one set', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  const [one, other] = [await serve(directory), await serve(directory)];
  const [here, there] = [await one.client.walk('m/file'), await other.client.walk('m/file')];
  await one.client.setattr(here, { uid: 1234, gid: 5678 });
  expect(await other.client.stat(there)).toMatchObject({ uid: 1234, gid: 5678 });
  await other.client.setattr(there, { mode: 0o4750 });
  expect(await one.client.stat(here)).toMatchObject({ uid: 1234, gid: 5678, mode: 0o104750 });
  await one.client.setattr(here, { uid: 1 });
  await other.client.setattr(there, { gid: 2 });
  // A new owner takes the set-id bits away.
  expect(await one.client.stat(here)).toMatchObject({ uid: 1, gid: 2, mode: 0o100750 });
  await other.client.setattr(there, { mode: 0o4750 });
  const third = await serve(directory);
  expect(await third.client.stat(await third.client.walk('m/file'))).toMatchObject({
    ...{ uid: 1, gid: 2, mode: 0o104750 },
  });
});

it('an owner that another process remembers is seen by a VM that knows the file', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  const { client } = await serve(directory);
  const id = await client.walk('m/file');
  expect(await client.stat(id)).toMatchObject({ uid: 0 });
  const python = "import os,sys; os.setxattr(sys.argv[1], 'user.gondolin.stat', b'1 77 88 - 0 0')";
  execFileSync('python3', ['-c', python, join(directory, 'file')]);
  expect(await client.stat(id)).toMatchObject({ uid: 77, gid: 88 });
});

it('an owner that another mount of this process sets is seen at once, also within one tick of the clock and without a watch', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  const open = () => {
    const provider = new RealFSProvider(directory);
    const node = provider.lookup(provider.start({ uid: 0, gid: 0 }), 'file');
    onTestFinished(() => provider.stop());
    return {
      owner: () => provider.attributes(node).uid,
      setOwner: (uid: number) => provider.setAttributes(node, { uid }, null),
    };
  };
  const [one, other] = [open(), open()];
  for (let owner = 1; owner <= 50; owner++) {
    expect(one.owner()).toBe(owner - 1);
    await other.setOwner(owner);
    expect(one.owner()).toBe(owner);
  }
});

it('an owner that another process sets is seen soon, also within one tick of the clock', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  const { client } = await serve(directory);
  const id = await client.walk('m/file');
  const lines =
    "for line in sys.stdin: os.setxattr(sys.argv[1], 'user.gondolin.stat', line.strip().encode()); print(flush=True)";
  const script = `import os,sys\n${lines}`;
  const python = spawn('python3', ['-c', script, join(directory, 'file')]);
  onTestFinished(() => void python.kill());
  const setOwner = async (owner: number) => {
    python.stdin.write(`1 ${owner} - - 0 0\n`);
    await once(python.stdout, 'data');
  };
  for (let owner = 1; owner <= 50; owner++) {
    await setOwner(owner);
    await client.stat(id);
    await setOwner(owner + 1000);
    await vi.waitFor(
      async () => expect(await client.stat(id)).toMatchObject({ uid: owner + 1000 }),
      { timeout: 100, interval: 5 },
    );
  }
});

it('owners that no file can keep are bounded: ENOSPC', () => {
  const store = new VirtualStatStore(2);
  onTestFinished(() => store.clear());
  const stat = { uid: 7, gid: 7, mode: null, rdev: 0, hostMode: 0 };
  // Not a descriptor: nothing can be kept in a file.
  store.save(-1, 'a', stat, false);
  store.save(-1, 'b', stat, false);
  expect(() => store.save(-1, 'c', stat, false)).toThrow('ENOSPC');
  store.save(-1, 'b', { ...stat, uid: 8 }, false);
  store.drop('a');
  store.save(-1, 'c', stat, false);
  expect(store.load(-1, 'b', true).uid).toBe(8);
});

it('owners that no file can keep are bounded over all mounts of the process, until they end', () => {
  const stat = { uid: 7, gid: 7, mode: null, rdev: 0, hostMode: 0 };
  const stores = Array.from({ length: 5 }, () => new VirtualStatStore());
  const fill = (store: VirtualStatStore) => {
    for (let index = 0; index < 100_000; index++) store.importMemory(`${index}`, stat);
  };
  const [last, ...others] = stores;
  for (const store of others) fill(store);
  expect(() => last?.importMemory('one', stat)).toThrow('ENOSPC');
  for (const store of others) store.clear();
  last?.importMemory('one', stat);
  last?.clear();
});
