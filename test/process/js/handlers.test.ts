import { expect, it } from 'vitest';
import { buildLocal, loadHandlers } from './local-sandbox.ts';

it('callHandler() passes an event and gives the result, also that of a promise', async () => {
  const loaded = await loadHandlers({
    greet:
      'function handler(event) { event.message = "Hello, " + event.name + "!"; return event; }',
    later: 'export async function handler(event) { await null; return [event]; }',
    timed:
      'function handler() { return new Promise((resolve) => setTimeout(() => resolve(7), 5)); }',
  });
  expect(await loaded.callHandler('greet', { name: 'World' })).toEqual({
    name: 'World',
    message: 'Hello, World!',
  });
  expect(await loaded.callHandler('later', 'ü\u0000"')).toEqual(['ü\u0000"']);
  expect(await loaded.callHandler('timed', null)).toBe(7);
  expect(loaded.lastCallStats).toMatchObject({ terminatedBy: null });
  expect(loaded.lastCallStats.wallClockMs).toBeGreaterThanOrEqual(5);
});

it('a handler that fails is ERR_INTERNAL, and poisons nothing', async () => {
  const loaded = await loadHandlers({
    throws: 'function handler() { throw new TypeError("no luck"); }',
    nothing: 'function handler() {}',
    never: 'function handler() { return new Promise(() => {}); }',
    rejects: 'async function handler() { throw "text"; }',
    ok: 'function handler(event) { return event; }',
  });
  for (const [name, message] of Object.entries({
    throws: 'TypeError: no luck',
    nothing: 'has a JSON form',
    never: 'nothing can settle',
    rejects: 'text',
    missing: "no handler 'missing'",
  })) {
    const error = await loaded.callHandler(name, {}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_INTERNAL' });
    expect(String(error)).toContain(message);
  }
  expect(loaded.poisoned).toBe(false);
  expect(await loaded.callHandler('ok', 1)).toBe(1);
});

it('limits end a call with ERR_CANCELLED, and restore() mends what they poisoned', async () => {
  const loaded = await loadHandlers({
    spin: 'function handler() { for (;;); }',
    regexp: 'function handler() { return /^(a+)+$/.test("a".repeat(40) + "b"); }',
    sleep: 'function handler() { return new Promise((r) => setTimeout(() => r(1), 1e6)); }',
    count: 'let n = 0; export function handler() { return ++n; }',
  });
  expect(await loaded.callHandler('count', 0)).toBe(1);
  const snapshot = await loaded.snapshot();
  for (const [name, options, terminatedBy] of [
    ['spin', { wallClockTimeoutMs: 50 }, 'wall-clock'],
    ['spin', { cpuTimeoutMs: 50, wallClockTimeoutMs: 20_000 }, 'cpu-time'],
    ['regexp', { cpuTimeoutMs: 50 }, 'cpu-time'],
    ['sleep', { wallClockTimeoutMs: 50, cpuTimeoutMs: 1000 }, 'wall-clock'],
  ] as const) {
    await expect(loaded.callHandler(name, {}, options)).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    });
    expect(loaded.lastCallStats.terminatedBy).toBe(terminatedBy);
    expect(loaded.poisoned).toBe(true);
    await expect(loaded.callHandler('count', 0)).rejects.toMatchObject({ code: 'ERR_POISONED' });
    await expect(loaded.snapshot()).rejects.toMatchObject({ code: 'ERR_POISONED' });
    await loaded.restore(snapshot);
    expect(loaded.poisoned).toBe(false);
    expect(await loaded.callHandler('count', 0)).toBe(2);
  }
});

it('kill() ends the call that runs, and nothing else', async () => {
  const loaded = await loadHandlers({
    spin: 'function handler() { for (;;); }',
    ok: 'function handler() { return 1; }',
  });
  const snapshot = await loaded.snapshot();
  loaded.interruptHandle.kill();
  expect(await loaded.callHandler('ok', 0)).toBe(1);
  const spinning = loaded.callHandler('spin', 0);
  const waiting = loaded.callHandler('ok', 0);
  setTimeout(() => loaded.interruptHandle.kill(), 30);
  await expect(spinning).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_POISONED' });
  await loaded.restore(snapshot);
  expect(await loaded.callHandler('ok', 0)).toBe(1);
});

it('an exhausted heap is ERR_GUEST_ABORT, an overflow that nobody catches ERR_STACK_OVERFLOW', async () => {
  const loaded = await loadHandlers({
    heap: 'function handler() { const all = []; for (;;) { try { all.push(new Array(1000).fill(1)); } catch {} } }',
    big: 'function handler() { return "x".repeat(1e8).length; }',
    recurse: 'function handler() { return handler() + 1; }',
    catches: 'function handler() { try { return handler(); } catch { return "caught"; } }',
  });
  const snapshot = await loaded.snapshot();
  for (const name of ['heap', 'big']) {
    await expect(loaded.callHandler(name, 0)).rejects.toMatchObject({ code: 'ERR_GUEST_ABORT' });
    expect(loaded.poisoned).toBe(true);
    await loaded.restore(snapshot);
  }
  await expect(loaded.callHandler('recurse', 0)).rejects.toMatchObject({
    code: 'ERR_STACK_OVERFLOW',
  });
  expect(loaded.poisoned).toBe(true);
  await loaded.restore(snapshot);
  expect(await loaded.callHandler('catches', 0)).toBe('caught');
});

it('snapshots are restored in any order, also across unload(), with the handlers of then', async () => {
  const counter = 'let n = 0; export function handler(by) { n += by; return n; }';
  const loaded = await loadHandlers({ count: counter });
  const first = await loaded.snapshot();
  await loaded.callHandler('count', 5);
  const second = await loaded.snapshot();
  await loaded.restore(first);
  expect(await loaded.callHandler('count', 1)).toBe(1);
  await loaded.restore(second);
  expect(await loaded.callHandler('count', 1)).toBe(6);
  const bare = await loaded.unload();
  await expect(loaded.callHandler('count', 1)).rejects.toMatchObject({ code: 'ERR_CONSUMED' });
  bare.addHandler('other', 'function handler() { return typeof globalThis.left; }');
  const again = await bare.getLoadedSandbox();
  await expect(again.callHandler('count', 1)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  expect(await again.callHandler('other', 1)).toBe('undefined');
  await again.restore(second);
  expect(await again.callHandler('count', 1)).toBe(6);
});

it('host functions take JSON and bytes, wait for promises, and throw in the guest', async () => {
  const proto = buildLocal();
  proto
    .hostModule('math')
    .register('add', (a: number, b: number) => a + b)
    .register('later', async (text: string) => text.toUpperCase())
    .register('fails', () => {
      throw new Error('host says no');
    });
  proto.register('bytes', 'reverse', (bytes: Uint8Array) => bytes.toReversed());
  const loaded = await loadHandlers(
    {
      all: `import * as math from 'host:math';
        import { reverse } from 'host:bytes';
        export function handler() {
          let caught;
          try { math.fails(); } catch (error) { caught = error instanceof Error && error.message; }
          return [math.add(2, 3), math.later('x'), caught, [...reverse(Uint8Array.of(1, 2, 3))], typeof math.add(undefined, 1)];
        }`,
    },
    proto,
  );
  expect(await loaded.callHandler('all', 0)).toEqual([5, 'X', 'host says no', [3, 2, 1], 'object']);
});

it('the realm has console, crypto, text encoding, structuredClone and timers', async () => {
  const printed: string[] = [];
  const print = (text: string, isError: boolean) =>
    void printed.push(`${isError ? 'err' : 'out'} ${text}`);
  const code = `import { createHmac } from 'crypto';
      export function handler() {
        console.log('line', { a: [1, 'x'] }, new Map([[1, 2]]));
        console.error('bad');
        const decoded = new TextDecoder().decode(Uint8Array.of(0xe2, 0x82, 0xac, 0xff));
        const map = structuredClone(new Map([['k', new Date(5)]]));
        return {
          hmac: createHmac('sha256', 'key').update('data').digest('hex'),
          hash: crypto.createHash('sha512').update('').digest('base64').slice(0, 12),
          encoded: [...new TextEncoder().encode('€')], decoded,
          cloned: map.get('k').getTime(), uuid: crypto.randomUUID().length, native: typeof __native,
        };
      }`;
  const loaded = await loadHandlers({ all: code }, buildLocal({}, print));
  expect(await loaded.callHandler('all', 0)).toEqual({
    hmac: '5031fe3d989c6d1537a013fa6e739da23463fdaec3b70137d828e36ace221bd0',
    hash: 'z4PhNX7vuL3x',
    encoded: [226, 130, 172],
    decoded: '€\ufffd',
    cloned: 5,
    uuid: 36,
    native: 'undefined',
  });
  expect(printed).toEqual(['out line { a: [ 1, "x" ] } Map { 1 => 2 }', 'err bad']);
});

it('Math.random() continues with other numbers after each restore()', async () => {
  const loaded = await loadHandlers({
    random: 'function handler() { return [Math.random(), Math.random()]; }',
  });
  const snapshot = await loaded.snapshot();
  const numbers: number[] = [];
  for (let round = 0; round < 5; round++) {
    await loaded.restore(snapshot);
    numbers.push(...((await loaded.callHandler('random', null)) as number[]));
  }
  expect(new Set(numbers).size).toBe(10);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
});
