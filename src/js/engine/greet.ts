import { randomBytes } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { setPromptly } from '../../util/set-promptly.ts';
import type { SandboxSizes } from '../sizes.ts';
import {
  ENGINE_FRAME,
  type EngineFrame,
  encodeEngineFrame,
  encodeU64s,
} from '../wire/engine-frame.ts';
import { EngineFrameDecoder } from '../wire/engine-frame-decoder.ts';
import { expectReply } from '../wire/expect-reply.ts';

const ENTROPY_BYTES = 256;

/**
 * Gives the first engine of a gondolin-js its sizes, and waits for it.
 * @throws {GondolinError} ERR_INTERNAL for any other reply.
 */
export async function startEngine(
  input: Writable,
  output: Readable,
  { heap, stack, outputBuffer }: SandboxSizes,
): Promise<void> {
  const sizes = encodeU64s([heap, stack, outputBuffer]);
  await exchange(input, output, encodeEngineFrame(ENGINE_FRAME.start, sizes));
}

/**
 * Gives a copy of a machine the time and random numbers of its own. The clock is then right to within 25 ms, unless this host is too
 * busy for that five times.
 * @throws {GondolinError} ERR_INTERNAL for any other reply.
 */
export async function identify(input: Writable, output: Readable): Promise<void> {
  await setPromptly(() => {
    const time = Buffer.alloc(8);
    time.writeBigUInt64LE(BigInt(Date.now()) * 1_000_000n);
    const identity = encodeEngineFrame(ENGINE_FRAME.identity, time, randomBytes(ENTROPY_BYTES));
    return exchange(input, output, identity);
  });
}

async function exchange(input: Writable, output: Readable, request: Buffer): Promise<void> {
  const reply = firstFrame(output);
  input.write(request);
  expectReply(await reply, ENGINE_FRAME.ready);
}

function firstFrame(output: Readable): Promise<EngineFrame> {
  const decoder = new EngineFrameDecoder();
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      try {
        const [frame] = decoder.push(chunk);
        if (frame === undefined) return;
        output.off('data', onData).pause();
        resolve(frame);
      } catch (error) {
        reject(error as Error);
      }
    };
    output.on('data', onData).resume();
  });
}
