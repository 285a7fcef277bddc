import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { buildLocal, loadHandlers } from './local-sandbox.ts';

const MIB = 2 ** 20;

/** Handlers that attack what is around them; each call must come to an end with a code, or a result. */
const ATTACKS: Readonly<Record<string, string>> = {
  'JSON of its own': `JSON.stringify = () => '"forged"'; JSON.parse = () => { throw 1; };
    Object.prototype.toJSON = () => 'polluted'; return { a: 1 };`,
  'Object.prototype with setters': `Object.defineProperty(Object.prototype, 'handlers', { get() { for (;;); }, set() { for (;;); } });
    Object.defineProperty(Object.prototype, '0', { set() { throw new Error('set'); } }); return [1];`,
  'Promise of its own': `Promise.prototype.then = function () { for (;;); }; globalThis.Promise = 1; return 1;`,
  'an error with hostile getters': `const e = new Error(); Object.defineProperty(e, 'message', { get() { for (;;); } });
    Object.defineProperty(e, 'stack', { get() { throw e; } }); throw e;`,
  prepareStackTrace: `Error.prepareStackTrace = () => { for (;;); }; throw new Error('x');`,
  'a thrown proxy': `throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { for (;;); } });`,
  'a getter in the result that does not end': 'return { get a() { for (;;); } };',
  'toJSON that does not end': 'return { toJSON() { for (;;); } };',
  'a job without an end': 'const again = () => Promise.resolve().then(again); again(); return 1;',
  'timers without an end': 'setInterval(() => {}, 0); return new Promise(() => {});',
  '10001 timers': 'for (let i = 0; i <= 10000; i++) setTimeout(() => {}, 1e9); return 1;',
  'a string of 100 MB': 'return "x".repeat(1e8);',
  'strings that double': 'let s = "x"; for (;;) s += s;',
  'a typed array of 4 GB': 'return new Uint8Array(4e9).length;',
  'deep nesting': 'let o = 1; for (let i = 0; i < 1e5; i++) o = [o]; return o;',
  'a circle': 'const o = {}; o.o = o; return o;',
  'a symbol': 'return Symbol("x");',
  'a bigint': 'return 1n;',
  'a regular expression without an end': 'return /^(\\\\w+\\\\s?)*$/.test("a ".repeat(50) + "!");',
  'sort with a comparator that changes the array': `const a = [3, 2, 1]; return a.sort(() => { a.length = 0; return 1; });`,
  'a resizable buffer that shrinks under a view': `const b = new ArrayBuffer(8, { maxByteLength: 64 }); const v = new Uint8Array(b);
    return Array.from(v, (_, i) => { b.resize(0); return i; });`,
  'import of what it may not': `return import('std').then(() => 'imported', (e) => String(e));`,
  'import of a file': `return import('/etc/passwd').then(() => 'imported', (e) => String(e));`,
  'the natives of the prelude': `return [typeof std, typeof os, typeof __native, typeof require, typeof process];`,
  'prints without an end': 'for (;;) print("x".repeat(1000));',
};

it.each(Object.entries(ATTACKS))(
  '%s ends with a code or a result, and the next call works',
  async (_, body) => {
    const loaded = await loadHandlers({
      attack: `function handler() { ${body} }`,
      ok: 'function handler(event) { return event; }',
    });
    const snapshot = await loaded.snapshot();
    const limits = { cpuTimeoutMs: 300, wallClockTimeoutMs: 5_000 };
    const outcome = await loaded.callHandler('attack', 1, limits).catch((error: unknown) => error);
    if (outcome instanceof Error) {
      expect((outcome as { code?: string }).code).toMatch(
        /^ERR_(CANCELLED|INTERNAL|GUEST_ABORT|STACK_OVERFLOW)$/,
      );
    } else {
      expect(JSON.stringify(outcome)).not.toMatch(/imported|"object"|"function"/);
    }
    await loaded.restore(snapshot);
    expect(await loaded.callHandler('ok', { a: 1 })).toEqual({ a: 1 });
  },
);

it('host functions get what a handler passes, and hostile arguments end with a code', async () => {
  const got: unknown[] = [];
  const proto = buildLocal().register('host', 'take', (...args) => {
    got.push(...args);
    return { __proto__: null, length: args.length };
  });
  const loaded = await loadHandlers(
    {
      many: `import { take } from 'host:host'; export function handler() { return take(...Array(17).fill(0)); }`,
      proto: `import { take } from 'host:host'; export function handler() {
        return take(JSON.parse('{"__proto__": {"polluted": true}}'), new Uint8Array(3), undefined, () => 1); }`,
      spin: `import { take } from 'host:host'; export function handler() { take({ get a() { for (;;); } }); }`,
      huge: `import { take } from 'host:host'; export function handler() { return take("x".repeat(${2 * MIB})).length; }`,
    },
    proto,
  );
  const snapshot = await loaded.snapshot();
  await expect(loaded.callHandler('many', 0)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  expect(await loaded.callHandler('proto', 0)).toEqual({ length: 4 });
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  expect(got.slice(1)).toEqual([new Uint8Array(3), undefined, undefined]);
  expect(await loaded.callHandler('huge', 0)).toBe(1);
  await expect(loaded.callHandler('spin', 0, { cpuTimeoutMs: 100 })).rejects.toMatchObject({
    code: 'ERR_CANCELLED',
  });
  await loaded.restore(snapshot);
});

it('a result of a host function that comes after its call was cancelled goes nowhere', async () => {
  const late: (() => void)[] = [];
  const proto = buildLocal().register('host', 'wait', () => {
    return new Promise<string>((resolve) => late.push(() => resolve('x'.repeat(100_000))));
  });
  const code = `import { wait } from 'host:host'; export function handler(n) { return n ?? wait().length; }`;
  const loaded = await loadHandlers({ code }, proto);
  const snapshot = await loaded.snapshot();
  for (const isRestoredFirst of [true, false]) {
    const call = loaded.callHandler('code', null, { wallClockTimeoutMs: 30 });
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    if (isRestoredFirst) await loaded.restore(snapshot);
    late.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
    if (!isRestoredFirst) await loaded.restore(snapshot);
    expect(await loaded.callHandler('code', 1)).toBe(1);
  }
});

/** Processes of gondolin-js that this process started, and those that they forked. */
function engineProcesses(): number {
  const processes = readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      // The name, in parentheses, may have any characters; its parent and its process group follow the state.
      const [name = '', rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
      const [state, parent, group] = rest.split(' ');
      return name.endsWith('(gondolin-js') && state !== 'Z' ? [{ pid, parent, group }] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
  const own = processes.filter(({ parent }) => parent === String(process.pid));
  return processes.filter(({ group }) => own.some(({ pid }) => pid === group)).length;
}

it('1,000 calls and 100 kills with their restores leave no process and no memory behind', async () => {
  const loaded = await loadHandlers({
    spin: 'function handler() { for (;;); }',
    fill: 'function handler() { return new Array(1000).fill("x").length; }',
  });
  const snapshot = await loaded.snapshot();
  await loaded.callHandler('fill', 0);
  const { heapBytes } = loaded.lastCallStats;
  // The keeper, the runtime without handlers, the snapshot and the engine; those of tests before this one are ending.
  await expect.poll(engineProcesses, { timeout: 10_000 }).toBe(4);
  for (let at = 0; at < 1_000; at++) await loaded.callHandler('fill', at);
  expect(loaded.lastCallStats.heapBytes).toBeLessThan(heapBytes * 1.1);
  for (let at = 0; at < 100; at++) {
    await loaded.callHandler('spin', 0, { cpuTimeoutMs: 1 }).catch(() => undefined);
    await loaded.restore(snapshot);
  }
  expect(await loaded.callHandler('fill', 0)).toBe(1_000);
  await expect.poll(engineProcesses, { timeout: 10_000 }).toBe(4);
});
