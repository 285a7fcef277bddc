import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planFromSnapshotName } from '../../../src/cli/snapshot-plan.ts';
import { resolveDirectories } from '../../../src/host/directories.ts';
import { planFromSnapshot } from '../../../src/project/snapshot/plan-from-snapshot.ts';
import {
  createSnapshotFacts,
  snapshotFacts,
} from '../../../src/project/snapshot/snapshot-facts.ts';
import { SnapshotStore } from '../../../src/project/snapshot/snapshot-store.ts';
import { decodeOrNull } from '../../../src/util/json-decoder.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { plan, sandbox, step } from '../../unit/project/fake-vm.ts';

const MOUNTS = [
  { kind: 'host', hostPath: '/p', guestPath: '/workspace', isReadonly: false },
  { kind: 'memory', guestPath: '/m', sizeBytes: 4096 },
] as const;
const BOX = sandbox('box', [step('a', 'true')], { mounts: MOUNTS });
const factsOf = (name: string) => createSnapshotFacts(name, 'shop', BOX, 1000);
const machine = (text: string) => async (directory: string) => {
  writeFileSync(join(directory, 'ram'), text);
};

it('a snapshot is opened as it was added, listed and removed', async () => {
  const store = new SnapshotStore(join(temporaryDirectory(), 'snapshots'));
  expect(await store.list()).toEqual([]);
  expect(await store.add(factsOf('before'), machine('ram'), false)).toBeGreaterThan(0);
  const { facts, machineDirectory } = await store.open('before');
  expect(facts).toEqual(factsOf('before'));
  expect(readFileSync(join(machineDirectory, 'ram'), 'utf8')).toBe('ram');
  expect((await store.list()).map(({ name }) => name)).toEqual(['before']);
  await store.remove('before');
  await expect(store.open('before')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
  await expect(store.remove('before')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
});

it('a name is taken once, unless its snapshot is replaced; a failed replacement leaves the old one', async () => {
  const store = new SnapshotStore(temporaryDirectory());
  await store.add(factsOf('x'), machine('one'), false);
  const again = store.add(factsOf('x'), machine('two'), false);
  await expect(again).rejects.toMatchObject({ code: 'SNAPSHOT_EXISTS' });
  const failing = () => Promise.reject(new Error('disk full'));
  await expect(store.add(factsOf('x'), failing, true)).rejects.toThrow('disk full');
  const text = async () =>
    readFileSync(join((await store.open('x')).machineDirectory, 'ram'), 'utf8');
  expect(await text()).toBe('one');
  await store.add(factsOf('x'), machine('two'), true);
  expect(await text()).toBe('two');
});

it.each(['', '.', '..', '../x', 'a/b', '/etc', 'A', '-a', 'tmp-\0', 'x'.repeat(64)])(
  'every method refuses the name %j',
  async (name) => {
    const store = new SnapshotStore(temporaryDirectory());
    const code = { code: 'SNAPSHOT_NAME_INVALID' };
    await expect(store.open(name)).rejects.toMatchObject(code);
    await expect(store.remove(name)).rejects.toMatchObject(code);
    await expect(store.add(factsOf(name), machine(''), true)).rejects.toMatchObject(code);
  },
);

it('a damaged snapshot is refused with its file and its hint, and listed as damaged', async () => {
  const parent = temporaryDirectory();
  const store = new SnapshotStore(parent);
  await store.add(factsOf('x'), machine('one'), false);
  truncateSync(join(parent, 'x', 'snapshot.json'), 40);
  await expect(store.open('x')).rejects.toMatchObject({
    code: 'SNAPSHOT_REFUSED',
    message: expect.stringContaining('snapshot.json'),
    hint: expect.stringContaining('gondolin snapshot --delete x'),
  });
  expect((await store.list())[0]?.facts).toBeNull();
});

it('snapshotFacts refuses every text that was cut off or has a field of another type', () => {
  const text = JSON.stringify(factsOf('x'));
  expect(decodeOrNull(text, snapshotFacts)).toEqual(factsOf('x'));
  for (let end = 0; end < text.length; end += 1) {
    expect(decodeOrNull(text.slice(0, end), snapshotFacts)).toBeNull();
  }
  for (const field of Object.keys(factsOf('x'))) {
    const other = JSON.stringify({ ...factsOf('x'), [field]: {} });
    expect(decodeOrNull(other, snapshotFacts), field).toBeNull();
  }
});

it('planFromSnapshot() takes image, size and root from the snapshot, the rest from the plan', () => {
  const small = sandbox('other', [step('b', 'true')], {
    mounts: MOUNTS.map((mount) => (mount.kind === 'host' ? { ...mount, hostPath: '/q' } : mount)),
    cpus: 1,
    memoryBytes: 2 ** 20,
    user: 'jo',
  });
  const [made] = planFromSnapshot(plan(small), factsOf('x')).sandboxes;
  expect(made).toMatchObject({
    name: 'other',
    steps: small.steps,
    vm: { cpus: BOX.vm.cpus, memoryBytes: BOX.vm.memoryBytes, user: 'jo' },
  });
  expect(made?.vm.mounts[0]).toMatchObject({ hostPath: '/q' });
});

it.each([
  [MOUNTS.slice(1)],
  [[...MOUNTS, { ...MOUNTS[1], guestPath: '/n' }]],
  [[{ ...MOUNTS[0], isReadonly: true }, MOUNTS[1]]],
])('planFromSnapshot() refuses other volumes', (mounts) => {
  const other = plan(sandbox('box', [], { mounts }));
  expect(() => planFromSnapshot(other, factsOf('x'))).toThrow(
    expect.objectContaining({ code: 'SNAPSHOT_REFUSED' }),
  );
});

it('a sandbox from a snapshot starts what it depends on, and only it has the size and image of the snapshot', async () => {
  const env = { HOME: '/nowhere', XDG_STATE_HOME: temporaryDirectory() };
  const io = { env } as unknown as Parameters<typeof planFromSnapshotName>[3];
  const { snapshots } = resolveDirectories({ ...env, XDG_CACHE_HOME: '/nowhere' });
  await new SnapshotStore(snapshots).add(factsOf('x'), machine('ram'), false);
  const on = (name: string) => [{ name, condition: 'completed' as const }];
  const of = (name: string, ...needs: string[]) => ({
    ...sandbox(name, [step('a', 'true')], { mounts: MOUNTS, cpus: 4 }),
    dependsOn: needs.flatMap(on),
  });
  const whole = plan(of('other'), of('data'), of('db', 'data'), of('box', 'db'));
  const { plan: chosen, from } = await planFromSnapshotName(whole, 'x', null, io);
  expect(chosen.sandboxes.map(({ name, vm }) => [name, vm.cpus])).toEqual([
    ['data', 4],
    ['db', 4],
    ['box', BOX.vm.cpus],
  ]);
  expect(from.sandbox).toBe('box');
  expect(readFileSync(join(from.directory, 'ram'), 'utf8')).toBe('ram');
  // Another sandbox of the project may start from it, if it is named.
  const named = await planFromSnapshotName(whole, 'x', 'db', io);
  expect(named.plan.sandboxes.map(({ name }) => name)).toEqual(['data', 'db']);
});
