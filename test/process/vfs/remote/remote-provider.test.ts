import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ERRNO } from '../../../../src/protocol/errno.ts';
import { MemoryProvider } from '../../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../../src/vfs/real-fs-provider.ts';
import { isolateRemote } from '../../../../src/vfs/remote/isolate-remote.ts';
import { RemoteProvider } from '../../../../src/vfs/remote/remote-provider.ts';
import { createShadowPathPredicate, ShadowProvider } from '../../../../src/vfs/shadow-provider.ts';
import { IS_FULL_LOAD } from '../../../fixtures/full-load.ts';
import { FuseClient } from '../../../fixtures/fuse-client.ts';
import { canMountFuse, mountFuse } from '../../../fixtures/fuse-mount.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const USER = { uid: 0, gid: 0 };
const TIMED_OUT = { errno: ERRNO.ETIMEDOUT };
/** Short for a call that hangs, and long for one that only waits for its turn on a busy machine: 300 ms were not. */
const LIMIT_MS = 2_000;

function remote(hostPath: string, limitMs?: number): RemoteProvider {
  const provider = new RemoteProvider({ hostPath, readonlyPaths: [], ttlMs: 0 }, limitMs);
  onTestFinished(() => provider.stop());
  return provider;
}

/** True until a process has ended and was reaped. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

const NAMES = IS_FULL_LOAD ? 3_000 : 500;

it('serves large directories in batches, and a snapshot that its next process restores', async () => {
  const directory = temporaryDirectory();
  for (let i = 0; i < NAMES; i += 1) writeFileSync(join(directory, `f${i}`), `${i}`);
  const first = await FuseClient.start(remote(directory), USER);
  onTestFinished(() => first.server.close());
  const root = await first.walk('m');
  expect((await first.list(root)).length).toBeGreaterThanOrEqual(NAMES);
  const { id, handle } = await first.create(root, 'new');
  await first.write(id, handle, 0, Buffer.from('one '));
  await first.server.quiesce();
  const state: unknown = JSON.parse(JSON.stringify(await first.server.exportState()));
  await first.server.close();
  const second = await FuseClient.start(remote(directory), USER, state);
  onTestFinished(() => second.server.close());
  await second.write(id, handle, 4, Buffer.from('two'));
  expect(readFileSync(join(directory, 'new'), 'utf8')).toBe('one two');
});

it('a start fails with the error of the host path', async () => {
  const started = FuseClient.start(remote('/no/such/place'));
  await expect(started).rejects.toMatchObject({ code: 'VFS_MOUNT_FAILED' });
});

it('calls of a mount that hangs fail with ETIMEDOUT, at once after the first; it works again once it replies', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'a'), 'hello');
  const provider = remote(directory, LIMIT_MS);
  const root = await provider.start(USER);
  const { pid = 0 } = provider;
  process.kill(pid, 'SIGSTOP');
  const begun = performance.now();
  await expect(provider.lookup(root, 'a')).rejects.toMatchObject(TIMED_OUT);
  expect(performance.now() - begun).toBeGreaterThan(LIMIT_MS - 50);
  const later = performance.now();
  for (let i = 0; i < 50; i += 1) {
    await expect(provider.attributes(root)).rejects.toMatchObject(TIMED_OUT);
  }
  // Each alone would take the limit.
  expect(performance.now() - later).toBeLessThan(10 * LIMIT_MS);
  process.kill(pid, 'SIGCONT');
  await expect
    .poll(() => provider.attributes(root).then(Boolean, () => false), { timeout: 20_000 })
    .toBe(true);
  const node = await provider.lookup(root, 'a');
  const handle = await provider.open(node, 0);
  const target = Buffer.alloc(10);
  expect(await provider.read(handle, target, 0)).toBe(5);
  provider.forget(node);
  // What the late lookup gave was given back: the process holds the root alone.
  await expect(provider.attributes(node)).rejects.toMatchObject({ errno: ERRNO.ESTALE });
});

it('after its process was killed, calls fail with EIO and stop() has nothing to wait for', async () => {
  const provider = remote(temporaryDirectory());
  const root = await provider.start(USER);
  const { pid = 0 } = provider;
  process.kill(pid, 'SIGSTOP');
  const underWay = provider.attributes(root).catch((error: unknown) => error);
  process.kill(pid, 'SIGKILL');
  expect(await underWay).toMatchObject({ errno: ERRNO.EIO });
  await expect(provider.lookup(root, 'x')).rejects.toMatchObject({ errno: ERRNO.EIO });
  provider.forget(root);
  provider.stop();
  expect(isAlive(pid)).toBe(false);
});

it('leaves local trees, other providers and subclasses in this process', () => {
  class Own extends RealFSProvider {}
  const providers: VfsProvider[] = [
    new RealFSProvider(temporaryDirectory()),
    new ReadonlyProvider(temporaryDirectory()),
    new MemoryProvider(),
    new Own('/'),
  ];
  for (const provider of providers) expect(isolateRemote(provider)).toBe(provider);
});

it.runIf(canMountFuse)(
  'a FUSE mount whose server stops holds up neither another mount nor the end',
  async () => {
    const [directory, point] = [temporaryDirectory(), temporaryDirectory()];
    writeFileSync(join(directory, 'a'), 'hello');
    mkdirSync(join(directory, 'sub'));
    const { server, unmount } = await mountFuse(directory, point);
    onTestFinished(unmount);
    expect(isolateRemote(new RealFSProvider(point))).toBeInstanceOf(RemoteProvider);
    const inner = new ReadonlyProvider(join(point, 'sub'));
    expect(isolateRemote(inner)).not.toBe(inner);
    const shouldShadow = createShadowPathPredicate(['a']);
    const shadow = new ShadowProvider(new RealFSProvider(point), { shouldShadow });
    const hidden = await FuseClient.start(shadow, USER);
    onTestFinished(() => hidden.server.close());
    const seen = await hidden.list(await hidden.walk('m'));
    expect(seen.filter((name) => !name.startsWith('.'))).toEqual(['sub']);
    expect(isolateRemote(shadow)).toBeInstanceOf(RemoteProvider);
    const provider = remote(point, LIMIT_MS);
    const root = await provider.start(USER);
    const { pid = 0 } = provider;
    expect(await provider.lookup(root, 'a')).toBeDefined();
    server.kill('SIGSTOP');
    const calls = [provider.lookup(root, 'b'), provider.status(), provider.lookup(root, 'c')];
    const hanging = Promise.allSettled(calls);
    const local = await FuseClient.start(new RealFSProvider(directory), USER);
    onTestFinished(() => local.server.close());
    expect((await local.list(await local.walk('m'))).length).toBeGreaterThan(1);
    const timedOut = { status: 'rejected', reason: TIMED_OUT };
    expect(await hanging).toMatchObject([timedOut, timedOut, timedOut]);
    // Returns at once, though the kernel lets the process end only when the server replies.
    provider.stop();
    await expect(provider.status()).rejects.toMatchObject({ errno: ERRNO.EIO });
    server.kill('SIGCONT');
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
    expect(readdirSync(point).toSorted()).toEqual(['a', 'sub']);
  },
);
