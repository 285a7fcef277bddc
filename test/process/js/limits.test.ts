import { expect, it } from 'vitest';
import { buildLocal, loadHandlers } from './local-sandbox.ts';

const MIB = 2 ** 20;
const KIB = 2 ** 10;

it.each([4, 16])('a heap of %i MiB ends a handler to within a tenth of its size', async (mib) => {
  let bytes = 0;
  const proto = buildLocal({ heap: mib * MIB });
  proto.register('host', 'took', (all) => {
    bytes = Number(all);
  });
  const loaded = await loadHandlers(
    {
      fill: `import { took } from 'host:host';
        const size = 32 * 1024, all = [];
        export function handler() {
          for (;;) { all.push(new ArrayBuffer(size)); took(size * all.length); }
        }`,
    },
    proto,
  );
  await expect(loaded.callHandler('fill', null)).rejects.toMatchObject({ code: 'ERR_GUEST_ABORT' });
  expect(bytes).toBeGreaterThan(0.9 * mib * MIB);
  expect(bytes).toBeLessThan(1.1 * mib * MIB);
});

it('a stack of twice the size holds twice as many calls, to within a tenth', async () => {
  const depths: number[] = [];
  for (const stack of [256 * KIB, 512 * KIB]) {
    const handler = `let depth = 0;
      function deeper() { depth += 1; return deeper() + 1; }
      export function handler() { try { deeper(); } catch {} return depth; }`;
    const loaded = await loadHandlers({ handler }, buildLocal({ stack }));
    depths.push(Number(await loaded.callHandler('handler', null)));
  }
  const [once = 0, twice = 0] = depths;
  expect(twice / once).toBeGreaterThan(1.8);
  expect(twice / once).toBeLessThan(2.2);
});

// Processor time, and not that of the wall: on a busy machine the latter has no upper bound.
it('a limit of 500 ms ends a call that has used 500 to 700 ms of the processor', async () => {
  const loaded = await loadHandlers({ spin: 'function handler() { for (;;); }' });
  const call = loaded.callHandler('spin', null, { cpuTimeoutMs: 500 });
  await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  const { cpuTimeMs, wallClockMs, terminatedBy } = loaded.lastCallStats;
  expect(terminatedBy).toBe('cpu-time');
  expect(cpuTimeMs).toBeGreaterThanOrEqual(500);
  expect(cpuTimeMs).toBeLessThan(700);
  expect(wallClockMs).toBeGreaterThanOrEqual(499);
});

it('time in which the machine waited for the host is not counted for a CPU limit', async () => {
  // A machine that has a processor half of the time.
  const clock = () => ({ ranMs: performance.now() / 2, waitedMs: performance.now() / 2 });
  const loaded = await loadHandlers(
    {
      spin: 'function handler() { for (;;); }',
      end: 'function handler() { return 0; }',
      chat: "import { answer } from 'host:host'; export function handler() { for (;;) answer(); }",
    },
    buildLocal({}, undefined, null, clock).register('host', 'answer', async () => 1),
  );
  const snapshot = await loaded.snapshot();
  const spinning = loaded.callHandler('spin', null, { cpuTimeoutMs: 100 });
  await expect(spinning).rejects.toMatchObject({
    code: 'ERR_CANCELLED',
    message: expect.stringContaining('cpu-time') as string,
  });
  const { cpuTimeMs, wallClockMs, terminatedBy } = loaded.lastCallStats;
  expect(terminatedBy).toBe('cpu-time');
  expect(wallClockMs).toBeGreaterThanOrEqual(199);
  expect(cpuTimeMs).toBeGreaterThanOrEqual(99);
  expect(cpuTimeMs).toBeLessThan(0.75 * wallClockMs);
  await loaded.restore(snapshot);
  expect(await loaded.callHandler('end', null, { cpuTimeoutMs: 100 })).toBe(0);
  // The limit may be reached while the engine waits for its host.
  const chatting = loaded.callHandler('chat', null, { cpuTimeoutMs: 50 });
  await expect(chatting).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  expect(loaded.lastCallStats.terminatedBy).toBe('cpu-time');
  await loaded.restore(snapshot);
  const killed = loaded.callHandler('spin', null, { cpuTimeoutMs: 60_000 });
  setTimeout(() => loaded.interruptHandle.kill(), 30);
  await expect(killed).rejects.toMatchObject({
    message: expect.stringContaining('killed') as string,
  });
  expect(loaded.lastCallStats.terminatedBy).toBe(null);
  await loaded.restore(snapshot);
  const both = { cpuTimeoutMs: 60_000, wallClockTimeoutMs: 50 };
  await expect(loaded.callHandler('spin', null, both)).rejects.toMatchObject({
    code: 'ERR_CANCELLED',
  });
  expect(loaded.lastCallStats.terminatedBy).toBe('wall-clock');
});
