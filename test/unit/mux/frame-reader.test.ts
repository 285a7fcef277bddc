import { duplexPair } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FrameReader } from '../../../src/mux/frame-reader.ts';
import { encodeFrame } from '../../../src/protocol/frame.ts';
import { TurnScheduler } from '../../../src/util/turn-scheduler.ts';

const eof = (streamId: number) => encodeFrame({ type: 'EOF', streamId });

it('FrameReader shares one slice among all guests, and a flood delays another guest by a few turns', async () => {
  let nowMs = 0;
  const scheduler = new TurnScheduler({ sliceMs: 2, nowMs: () => nowMs });
  const handled: string[] = [];
  const guest = (name: string) => {
    const [host, port] = duplexPair();
    const handle = () => {
      handled.push(name);
      nowMs += 1;
    };
    new FrameReader(host, { handle, fail: expect.unreachable }, scheduler).start();
    return { host, port };
  };
  const [flooding, quiet] = [guest('flood'), guest('quiet')];
  flooding.port.write(Buffer.concat(Array.from({ length: 100 }, () => eof(1))));
  while (handled.length === 0) await turn();
  expect(flooding.host.isPaused()).toBe(true);
  quiet.port.write(eof(1));
  let turns = 0;
  for (; !handled.includes('quiet'); turns++) {
    const before = handled.length;
    await turn();
    expect(handled.length - before).toBeLessThanOrEqual(2);
  }
  expect(turns).toBeLessThanOrEqual(5);
  expect(handled.length).toBeLessThan(20);
  while (handled.length < 101) await turn();
  await turn();
  expect(flooding.host.isPaused()).toBe(false);
});
