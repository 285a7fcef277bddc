import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chooseVolume } from '../../../src/project/volumes/choose-volume.ts';
import { openSandboxVolumes, volumeIds } from '../../../src/project/volumes/sandbox-volumes.ts';
import { VolumeStore } from '../../../src/project/volumes/volume-store.ts';
import { openDiskImage } from '../../../src/vm/disks/disk-image.ts';
import { runCli } from '../../fixtures/cli/run-cli.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { plan, sandbox, step } from '../../unit/project/fake-vm.ts';

const SIZE = 32 * 2 ** 20;
const MOUNT = {
  kind: 'disk',
  name: 'cache',
  guestPath: '/c',
  sizeBytes: SIZE,
  isReadonly: false,
} as const;
const BOX = sandbox('box', [step('a', 'true')], { mounts: [MOUNT] });

async function makeDisk(store: VolumeStore, project: string, name: string): Promise<void> {
  await store.use({ project, sandbox: 'box', name, sizeBytes: SIZE });
  (await openDiskImage(store.diskPath(project, name), SIZE)).close();
}

it('a volume keeps its id until it is removed, or its disk is', async () => {
  const store = new VolumeStore(join(temporaryDirectory(), 'volumes'));
  expect(await store.list()).toEqual([]);
  await makeDisk(store, 'shop', 'cache');
  const id = await store.id('shop', 'cache');
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  await makeDisk(store, 'shop', 'cache');
  expect(await store.id('shop', 'cache')).toBe(id);
  expect(await store.list()).toMatchObject([
    { project: 'shop', name: 'cache', id, sizeBytes: SIZE, lastSandbox: 'box', usedByPid: null },
  ]);
  rmSync(store.diskPath('shop', 'cache'));
  await makeDisk(store, 'shop', 'cache');
  expect(await store.id('shop', 'cache')).not.toBe(id);
  await store.remove('shop', 'cache');
  expect(await store.list()).toEqual([]);
});

it('prune() takes volumes by age, never one in use', async () => {
  const store = new VolumeStore(join(temporaryDirectory(), 'volumes'));
  for (const name of ['old', 'used']) await makeDisk(store, 'shop', name);
  const image = await openDiskImage(store.diskPath('shop', 'used'), SIZE);
  const names = (volumes: readonly { name: string }[]) => volumes.map(({ name }) => name);
  await expect(store.remove('shop', 'used')).rejects.toMatchObject({ code: 'VM_DISK_IN_USE' });
  expect(await store.prune({ olderThanMs: 60_000, isDryRun: false })).toEqual({
    removed: [],
    inUse: [],
  });
  const dry = await store.prune({ olderThanMs: 0, isDryRun: true });
  expect([names(dry.removed), names(dry.inUse)]).toEqual([['old'], ['used']]);
  const real = await store.prune({ olderThanMs: 0, isDryRun: false });
  image.close();
  expect([names(real.removed), names(real.inUse)]).toEqual([['old'], ['used']]);
  expect(names(await store.list())).toEqual(['used']);
});

it('a sandbox gets its volumes by project and name, and an error names the volume', async () => {
  const state = temporaryDirectory();
  const of = { ...plan(BOX), name: 'shop' };
  const volumes = await openSandboxVolumes(of, BOX, state);
  const path = join(state, 'volumes/shop/cache/disk.img');
  expect(volumes.disks).toEqual({ '/c': { path, size: SIZE, isReadonly: false } });
  expect(await volumeIds(of, BOX, join(state, 'volumes'))).toEqual({});
  const image = await openDiskImage(path, SIZE);
  const error = await openDiskImage(path, SIZE).catch((cause: unknown) => cause);
  expect(volumes.explain(error)).toMatchObject({
    code: 'VM_DISK_IN_USE',
    message: expect.stringMatching(/^volume cache of project shop: .*process/),
  });
  image.close();
  expect(await volumeIds(of, BOX, join(state, 'volumes'))).toEqual(volumes.ids);
});

it('a name that several volumes have, or none, is refused', async () => {
  const store = new VolumeStore(join(temporaryDirectory(), 'volumes'));
  for (const project of ['blog', 'shop']) await makeDisk(store, project, 'cache');
  const volumes = await store.list();
  expect(chooseVolume(volumes, 'shop/cache').project).toBe('shop');
  for (const wanted of ['cache', 'other']) {
    expect(() => chooseVolume(volumes, wanted)).toThrowError(
      expect.objectContaining({ code: 'PROJECT_VOLUME_NOT_FOUND' }),
    );
  }
});

it('gondolin volumes lists, describes and removes volumes; prune takes them only when asked to', async () => {
  const cwd = temporaryDirectory();
  const store = new VolumeStore(join(cwd, 'state/gondolin/volumes'));
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(args, { cwd });
    return { code, text: stdout + stderr };
  };
  for (const project of ['blog', 'shop']) await makeDisk(store, project, 'cache');
  await makeDisk(store, 'shop', 'db');
  writeFileSync(join(cwd, 'state/gondolin/volumes/shop/db/volume.json'), 'damaged');
  const list = await run('volumes', '--format', 'json');
  expect(JSON.parse(list.text)).toMatchObject([
    { project: 'blog', name: 'cache' },
    { project: 'shop', name: 'cache' },
    { project: 'shop', name: 'db' },
  ]);
  expect((await run('volumes')).text).toMatch(/shop\/cache +32 MiB/);
  expect((await run('volumes', 'inspect', 'shop/cache')).text).toContain(
    store.diskPath('shop', 'cache'),
  );
  expect(await run('volumes', 'rm', 'shop/cash')).toMatchObject({
    code: 2,
    text: expect.stringContaining('Did you mean "shop/cache"'),
  });
  expect((await run('prune', '--all')).code).toBe(0);
  expect((await store.list()).length).toBe(3);
  expect((await run('volumes', 'rm', 'blog/cache', 'db')).code).toBe(0);
  expect((await run('prune', '--volumes')).text).toContain('deleted volume shop/cache');
  expect(existsSync(store.diskPath('shop', 'cache'))).toBe(false);
});
