import { describe, expect, it } from 'vitest';
import { SandboxBuilder } from '../../../src/js/index.ts';
import { Snapshot } from '../../../src/js/snapshot.ts';
import { buildLocal, loadHandlers, loadRuntime } from './local-sandbox.ts';

const ECHO = 'function handler(event) { return event; }';
const coded = (code: string) => expect.objectContaining({ code });

describe('SandboxBuilder', () => {
  it('gives itself from each setter, and refuses what is no size', () => {
    const builder = new SandboxBuilder();
    expect(
      builder
        .setHeapSize(1)
        .setStackSize(1)
        .setScratchSize(1)
        .setInputBufferSize(1)
        .setOutputBufferSize(1)
        .setHostPrintFn(() => undefined),
    ).toBe(builder);
    for (const size of [0, -1, 1.5, Number.NaN, '1' as unknown as number]) {
      expect(() => builder.setHeapSize(size)).toThrow(coded('ERR_INVALID_ARG'));
    }
    expect(() => builder.setHostPrintFn(1 as never)).toThrow(coded('ERR_INVALID_ARG'));
  });

  it('is consumed by the call of build(), whatever comes of it', async () => {
    const builder = new SandboxBuilder();
    const [first, second] = await Promise.allSettled([builder.build(), builder.build()]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CONSUMED' } });
    expect(() => builder.setHeapSize(0)).toThrow(coded('ERR_INVALID_ARG'));
    expect(() => builder.setHeapSize(1)).toThrow(coded('ERR_CONSUMED'));
  });
});

it('a proto sandbox is consumed by loadRuntime(), also for host functions', async () => {
  const proto = buildLocal();
  const module = proto.hostModule('m');
  expect(module.register('f', () => 1)).toBe(module);
  expect(proto.register('m', 'g', () => 2)).toBe(proto);
  expect(() => proto.register('m', '', () => 1)).toThrow(coded('ERR_INVALID_ARG'));
  expect(() => proto.register('m', 'f', 1 as never)).toThrow(coded('ERR_INVALID_ARG'));
  expect(() => proto.hostModule('')).toThrow(coded('ERR_INVALID_ARG'));
  await loadRuntime(proto);
  await expect(proto.loadRuntime()).rejects.toMatchObject({ code: 'ERR_CONSUMED' });
  expect(() => module.register('h', () => 1)).toThrow(coded('ERR_CONSUMED'));
  expect(() => proto.hostModule('')).toThrow(coded('ERR_INVALID_ARG'));
});

it('a sandbox checks arguments, then whether it is consumed, then names', async () => {
  const sandbox = await loadRuntime();
  expect(() => sandbox.addHandler('', ECHO)).toThrow(coded('ERR_INVALID_ARG'));
  expect(() => sandbox.addHandler('a', '')).toThrow(coded('ERR_INVALID_ARG'));
  sandbox.addHandler('a', ECHO);
  expect(() => sandbox.addHandler('a', ECHO)).toThrow(coded('ERR_INTERNAL'));
  sandbox.removeHandler('a');
  expect(() => sandbox.removeHandler('a')).toThrow(coded('ERR_INTERNAL'));
  sandbox.addHandler('a', ECHO);
  sandbox.clearHandlers();
  sandbox.addHandler('a', ECHO);
  sandbox.addModule('x', 'export default 1;');
  expect(() => sandbox.addModule('x', 'export default 1;')).toThrow(coded('ERR_INTERNAL'));
  expect(() => sandbox.addModule('y', '1', 'host')).toThrow(coded('ERR_INVALID_ARG'));
  const loading = sandbox.getLoadedSandbox();
  expect(() => sandbox.addHandler('', ECHO)).toThrow(coded('ERR_INVALID_ARG'));
  expect(() => sandbox.addHandler('b', ECHO)).toThrow(coded('ERR_CONSUMED'));
  await expect(sandbox.getLoadedSandbox()).rejects.toMatchObject({ code: 'ERR_CONSUMED' });
  expect(await (await loading).callHandler('a', [1])).toEqual([1]);
});

it('callHandler() checks arguments before ERR_CONSUMED, and that before ERR_POISONED', async () => {
  const loaded = await loadHandlers({ a: ECHO, spin: 'function handler() { for (;;); }' });
  const circular: unknown[] = [];
  circular.push(circular);
  for (const [name, event, options] of [
    ['', 1, {}],
    ['a', undefined, {}],
    ['a', () => 1, {}],
    ['a', 1n, {}],
    ['a', circular, {}],
    ['a', 1, { wallClockTimeoutMs: 0 }],
    ['a', 1, { wallClockTimeoutMs: 3_600_001 }],
    ['a', 1, { cpuTimeoutMs: 1.5 }],
    ['a', 1, { gc: 1 as unknown as boolean }],
    ['a', 1, null as unknown as object],
  ] as const) {
    await expect(loaded.callHandler(name, event, options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  }
  await loaded.callHandler('spin', 1, { wallClockTimeoutMs: 20 }).catch(() => undefined);
  await expect(loaded.callHandler('', 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  await expect(loaded.callHandler('a', 1)).rejects.toMatchObject({ code: 'ERR_POISONED' });
  await (await loaded.unload()).dispose();
  await expect(loaded.callHandler('a', 1)).rejects.toMatchObject({ code: 'ERR_CONSUMED' });
  await expect(loaded.unload()).rejects.toMatchObject({ code: 'ERR_CONSUMED' });
  await expect(loaded.restore(1 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
});

it('restore() refuses a snapshot of another build', async () => {
  const loaded = await loadHandlers({ a: ECHO });
  const other = await loadHandlers({ a: ECHO });
  const foreign = await other.snapshot();
  expect(foreign).toBeInstanceOf(Snapshot);
  await expect(loaded.restore(foreign)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
});

it('code that does not load is ERR_INTERNAL', async () => {
  for (const code of [
    'not JavaScript',
    'export const other = 1;',
    "import { x } from 'host:nothing'; export function handler() {}",
    "import { x } from 'user:nothing'; export function handler() {}",
    'throw new Error("at the top"); export function handler() {}',
    'await new Promise(() => {}); export function handler() {}',
  ]) {
    await expect(loadHandlers({ code })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  }
});

it('modules are shared by handlers, and sizes bound events and results', async () => {
  const proto = buildLocal({ inputBuffer: 1000, outputBuffer: 1000 });
  const sandbox = await loadRuntime(proto);
  sandbox.addModule('state', 'let n = 0; export const next = () => ++n;');
  sandbox.addModule('twice', "export { next } from 'user:state';", 'lib');
  const use = (from: string) =>
    `import { next } from '${from}'; export const handler = () => next();`;
  sandbox.addHandler('a', use('user:state'));
  sandbox.addHandler('b', use('lib:twice'));
  sandbox.addHandler('long', 'function handler(n) { return "x".repeat(n); }');
  const loaded = await sandbox.getLoadedSandbox();
  expect([await loaded.callHandler('a', 0), await loaded.callHandler('b', 0)]).toEqual([1, 2]);
  await expect(loaded.callHandler('long', 'x'.repeat(1000))).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG',
  });
  expect(await loaded.callHandler('long', 998)).toHaveLength(998);
  await expect(loaded.callHandler('long', 999)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  expect(loaded.poisoned).toBe(false);
});

it('dispose() ends calls that run, and may be called twice', async () => {
  const loaded = await loadHandlers({ spin: 'function handler() { for (;;); }' });
  const spinning = loaded.callHandler('spin', 0);
  const ended = expect(spinning).rejects.toMatchObject({ code: 'ERR_GUEST_ABORT' });
  await loaded.dispose();
  await ended;
  await loaded.dispose();
  await expect(loaded.callHandler('spin', 0)).rejects.toMatchObject({ code: 'ERR_POISONED' });
});
