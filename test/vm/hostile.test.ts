import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { ReadonlyProvider, RealFSProvider, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RemoteProvider } from '../../src/vfs/remote/remote-provider.ts';
import { canMountFuse, type FuseMount, mountFuse } from '../fixtures/fuse-mount.ts';
import { describeTree, makeRacedTrees, startRacer, stopRacer } from '../fixtures/raced-trees.ts';

const PROGRAMS = resolve(import.meta.dirname, '../../guest/build/test');

const ATTACKS = [
  ['control', 'random'],
  ['control', 'oversize'],
  ['control', 'badtype'],
  ['control', 'badstream'],
  ['control', 'credit'],
  ['control', 'truncated-message'],
  ['fs', 'random'],
  ['fs', 'oversize'],
] as const;

/** Time that a call of the hung volume has; 20 s where nobody names one. */
const HUNG_LIMIT_MS = 2_000;

let bystander: VM;
let shared: string;
let far: FuseMount | undefined;

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'gondolin-hostile-'));
  const [near, point] = [join(shared, 'near'), join(shared, 'far')];
  mkdirSync(near);
  mkdirSync(point);
  writeFileSync(join(near, 'a'), 'hello\n');
  if (canMountFuse) far = await mountFuse(near, point);
  const tree = { hostPath: point, readonlyPaths: [], ttlMs: 0 };
  const mounts = {
    '/near': new ReadonlyProvider(near),
    '/far': new RemoteProvider(tree, HUNG_LIMIT_MS),
  };
  bystander = await VM.create({ vfs: { mounts } });
});

afterAll(async () => {
  await bystander?.close();
  far?.unmount();
  rmSync(shared, { recursive: true, force: true });
});

it.runIf(canMountFuse)(
  'a volume whose server hangs fails with ETIMEDOUT after its limit; commands and other volumes go on',
  async () => {
    far?.server.kill('SIGSTOP');
    let isHung = true;
    const hanging = bystander.exec('cat /far/a').then((result) => {
      isHung = false;
      return result;
    });
    expect((await bystander.exec('cat /near/a')).stdout).toBe('hello\n');
    expect(isHung).toBe(true);
    expect(await hanging).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('timed out'),
    });
    far?.server.kill('SIGCONT');
    await expect
      .poll(async () => (await bystander.exec('cat /far/a')).stdout, { timeout: 20_000 })
      .toBe('hello\n');
  },
);

it('a user whom the image does not know has a home that it can write to, under a read-only root', async () => {
  const user = '4321:77';
  const line =
    'touch /opt/x 2> /dev/null || echo "$HOME"; mkdir -p ~/.cache && echo y > ~/.cache/y';
  const result = await bystander.exec(`${line}; cat ~/.cache/y`, { user });
  expect(result.stdout).toBe('/run/home/4321\ny\n');
});

it.each(ATTACKS)(
  'a guest that attacks its %s channel with %s is reset; the host and other VMs go on',
  async (...attack) => {
    const vm = await VM.create({ vfs: { mounts: { '/attack': new ReadonlyProvider(PROGRAMS) } } });
    try {
      const proc = vm.exec(['/attack/hostile', ...attack], { timeoutMs: 30_000 });
      await expect(proc).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
      expect(await vm.ended).toMatchObject({ code: 'GUEST_PROTOCOL' });
    } finally {
      await vm.close();
    }
    expect((await bystander.exec('echo fine')).stdout).toBe('fine\n');
  },
);

const IS_ALL = process.env['GONDOLIN_ALL_ATTACKS'] === '1';
/** The whole race with GONDOLIN_ALL_ATTACKS=1 (`npm run test:attacks`). */
const RACE_S = IS_ALL ? 60 : 3;

it(`root of a guest that races the host for ${RACE_S} s with its own file requests gets no byte, name or size from outside of the mount`, {
  timeout: RACE_S * 1000 + 120_000,
}, async () => {
  const { shared: raced, outside } = makeRacedTrees(shared);
  const before = describeTree(outside);
  const mounts = { '/raced': new RealFSProvider(raced), '/tools': new ReadonlyProvider(PROGRAMS) };
  const vm = await VM.create({ vfs: { mounts } });
  try {
    // Its pages are in the guest: once it has stopped the agent nobody reads them from the host.
    await vm.exec('cp /tools/file_race /tmp');
    const racer = await startRacer(raced, outside);
    const race = await vm.exec(['/tmp/file_race', '0', String(RACE_S), outside], { user: '0' });
    const changes = await stopRacer(racer);
    expect(race.stdout).toMatch(/^\d+ sent, \d+ served, 0 leaks\n$/);
    expect(describeTree(outside)).toEqual(before);
    // Both sides did race.
    expect(Number(/(\d+) served/.exec(race.stdout)?.[1])).toBeGreaterThan(5);
    expect(changes).toBeGreaterThan(100);
    process.stderr.write(`${race.stdout.trim()} while the host made ${changes} changes\n`);
  } finally {
    await vm.close();
  }
});

const MAX_HOST_BYTES = 400 * 1024 * 1024;
/** Proof that commands are served, not a measure: printed are the delays themselves. */
const MAX_DELAYED_MS = 20_000;

const FLOODS = [
  { manner: 'deaf', count: 4_000_000, end: 'GUEST_PROTOCOL' },
  { manner: 'reading', count: IS_ALL ? 4_000_000 : 500, end: 'exit 0' },
] as const;

it.each(FLOODS)(
  'a $manner guest that opens $count streams is held within bounds; another VM is served meanwhile',
  { timeout: 600_000 },
  async ({ manner, count, end }) => {
    // A process of its own: its memory is what is measured.
    const program = resolve(import.meta.dirname, '../fixtures/flooded-host.ts');
    const args = ['--import', 'tsx', program, PROGRAMS, String(count), manner];
    const { stdout } = await execa(process.execPath, args, { stderr: 'inherit' });
    const seen = JSON.parse(stdout);
    expect(seen).toMatchObject({ end });
    expect(seen.commands).toBeGreaterThan(0);
    expect(seen.peakBytes).toBeLessThan(MAX_HOST_BYTES);
  },
);

const [NAMES, LISTINGS] = IS_ALL ? [60_000, 950] : [1_000, 4];

it(`guests that read no replies, send READDIRPLUS without end and open ${LISTINGS} listings are held within bounds`, {
  timeout: 1_200_000,
}, async () => {
  const program = resolve(import.meta.dirname, '../fixtures/flooded-file-host.ts');
  const args = ['--import', 'tsx', program, PROGRAMS, String(NAMES), String(LISTINGS)];
  const { stdout } = await execa(process.execPath, args, { stderr: 'inherit' });
  const [reads, plus, listings] = JSON.parse(stdout);
  // They go on for as long as their VM does.
  expect([reads.output, plus.output, listings.output]).toEqual([null, null, `${LISTINGS}\n`]);
  for (const { commands, floodedMs, peakBytes } of [reads, plus, listings]) {
    expect(commands).toBeGreaterThan(0);
    expect(floodedMs).toBeLessThan(MAX_DELAYED_MS);
    expect(peakBytes).toBeLessThan(MAX_HOST_BYTES);
  }
  process.stderr.write(`${stdout}\n`);
});
