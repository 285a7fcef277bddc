import { expect, it } from 'vitest';
import { Engine } from '../../../../src/js/engine/engine.ts';
import type { EngineChannel } from '../../../../src/js/engine/engine-channel.ts';

/** An engine whose machine has not ended before `end()`. */
function openEngine() {
  let end: () => void = () => undefined;
  const machineEnd = new Promise<void>((resolve) => {
    end = resolve;
  });
  let isKept = false;
  const channel: EngineChannel = {
    ended: new Promise(() => undefined),
    write: () => Promise.resolve(),
    onOutput: () => undefined,
    interrupt: () => Promise.resolve(),
    openClock: () => Promise.resolve(null),
    save: () => Promise.resolve(),
    keepAlive(isAlive) {
      isKept = isAlive;
    },
    close: () => machineEnd,
  };
  const host = { print: () => undefined, call: () => undefined, settled: () => undefined };
  return { engine: new Engine(channel, host), end, isKept: () => isKept };
}

const nextTurn = () => new Promise(setImmediate);

it('Engine.close() keeps Node until the machine has ended, also when a request waits for its reply', async () => {
  const { engine, end, isKept } = openEngine();
  const request = engine.request(1, []).catch((error: unknown) => error);
  const closed = engine.close();
  expect(await request).toMatchObject({ code: 'ERR_GUEST_ABORT' });
  await nextTurn();
  expect(isKept()).toBe(true);
  end();
  await closed;
  expect(isKept()).toBe(false);
});

it('an engine that does not reply keeps Node until its machine has ended', async () => {
  const { engine, end, isKept } = openEngine();
  const request = engine.request(1, [], { limitMs: 1 }).catch((error: unknown) => error);
  expect(await request).toMatchObject({ code: 'ERR_GUEST_ABORT' });
  await nextTurn();
  expect(isKept()).toBe(true);
  end();
  await nextTurn();
  expect(isKept()).toBe(false);
});
