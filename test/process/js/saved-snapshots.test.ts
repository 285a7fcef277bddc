import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Snapshot } from '../../../src/js/index.ts';
import { buildLocal, loadHandlers, loadRuntime } from './local-sandbox.ts';

const COUNT = 'let calls = 0; export function handler() { calls += 1; return calls; }';
const SPIN = 'function handler() { for (;;); }';

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-snapshots-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A loaded sandbox of another "process", and the snapshot that was saved after one call of `count`. */
async function saved(directory: string) {
  const proto = buildLocal().register('clock', 'now', () => 7);
  const first = await loadHandlers({ count: COUNT, spin: SPIN }, proto);
  await first.callHandler('count', null);
  const snapshot = await first.snapshot();
  const later = await first.snapshot();
  await first.callHandler('count', null);
  await snapshot.save(directory);
  return { first, snapshot, later };
}

/** A build like the one that was saved. */
async function another() {
  const proto = buildLocal().register('clock', 'now', () => 8);
  return loadHandlers({ other: 'function handler() { return "other"; }' }, proto);
}

it('a saved snapshot continues in a sandbox of another build with the same sizes, any number of times', async () => {
  const directory = join(temporaryDirectory(), 'snapshot');
  await saved(directory);
  const loaded = await another();
  const own = await loaded.snapshot();
  const snapshot = await Snapshot.load(directory);
  await loaded.restore(snapshot);
  expect(await loaded.callHandler('count', null)).toBe(2);
  expect(await loaded.callHandler('count', null)).toBe(3);
  await loaded.restore(snapshot);
  expect(await loaded.callHandler('count', null)).toBe(2);
  // Limits and kill() reach an engine of a machine that was saved.
  await expect(loaded.callHandler('spin', null, { cpuTimeoutMs: 50 })).rejects.toMatchObject({
    code: 'ERR_CANCELLED',
  });
  await loaded.restore(snapshot);
  setTimeout(() => loaded.interruptHandle.kill(), 50);
  await expect(loaded.callHandler('spin', null)).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  const again = await Snapshot.load(directory);
  await loaded.restore(snapshot);
  const later = await loaded.snapshot();
  // The machine of before is kept for its snapshot.
  await loaded.restore(own);
  expect(await loaded.callHandler('other', null)).toBe('other');
  await loaded.restore(later);
  expect(await loaded.callHandler('count', null)).toBe(2);
  expect(again).toBeInstanceOf(Snapshot);
  const bare = await loaded.unload();
  bare.addHandler('fresh', 'function handler() { return typeof globalThis.calls; }');
  const fresh = await bare.getLoadedSandbox();
  expect(await fresh.callHandler('fresh', null)).toBe('undefined');
  await fresh.dispose();
});

it('a saved snapshot is the one that the host names, and no other is kept', async () => {
  const directory = join(temporaryDirectory(), 'snapshot');
  await saved(directory);
  const facts = JSON.parse(readFileSync(join(directory, 'functions.json'), 'utf8')).facts as string;
  expect(JSON.parse(facts)).toMatchObject({ id: 1, hostModules: { clock: ['now'] } });
  const loaded = await another();
  await loaded.restore(await Snapshot.load(directory));
  // A second snapshot had the id 2: the next one of this sandbox must not be taken for it.
  await loaded.callHandler('count', null);
  const next = await loaded.snapshot();
  await loaded.callHandler('count', null);
  await loaded.restore(next);
  expect(await loaded.callHandler('count', null)).toBe(3);
});

it('a directory that is damaged, of another version or no snapshot is SNAPSHOT_REFUSED', async () => {
  const directory = join(temporaryDirectory(), 'snapshot');
  await saved(directory);
  const file = join(directory, 'functions.json');
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const whole = readFileSync(file, 'utf8');
  const damaged = [
    '',
    'null',
    whole.slice(0, -2),
    whole.replace('"version":2', '"version":3'),
    whole.replace('\\"id\\":1', '\\"id\\":2'),
    whole.replace(/"sha256":"./, '"sha256":"g'),
    `${whole.slice(0, -1)},"pad":"${'x'.repeat(2 ** 20)}"}`,
  ];
  for (const text of damaged) {
    writeFileSync(file, text);
    await expect(Snapshot.load(directory)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  }
  for (const other of [temporaryDirectory(), file]) {
    await expect(Snapshot.load(other)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  }
});

it('save() and restore() refuse what cannot be, and leave the directory as it was', async () => {
  const place = temporaryDirectory();
  const directory = join(place, 'snapshot');
  const { first, snapshot } = await saved(directory);
  await expect(snapshot.save(directory)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  await expect(snapshot.save('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  const loaded = await Snapshot.load(directory);
  await expect(loaded.save(join(place, 'copy'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  const larger = await (await loadRuntime(buildLocal({ heap: 2 ** 25 }))).getLoadedSandbox();
  await expect(larger.restore(loaded)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG',
    message: expect.stringContaining('heap size') as string,
  });
  const without = await (await loadRuntime()).getLoadedSandbox();
  await expect(without.restore(loaded)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG',
    message: expect.stringContaining('host:clock.now') as string,
  });
  await first.dispose();
  mkdirSync(join(place, 'empty'));
  await expect(snapshot.save(join(place, 'empty'))).rejects.toMatchObject({
    code: 'ERR_GUEST_ABORT',
  });
  expect(existsSync(join(place, 'copy'))).toBe(false);
});
