import { once } from 'node:events';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { jsProgramPath } from '../../host/package-root.ts';
import { type LoneProgram, startLoneProgram } from '../../vm/start/lone-program.ts';
import { DEFAULT_SIZES, machineBytes, type SandboxSizes } from '../sizes.ts';
import { ENGINE_FRAME, type EngineFrame, encodeEngineFrame } from '../wire/engine-frame.ts';
import { EngineFrameDecoder } from '../wire/engine-frame-decoder.ts';
import { expectReply } from '../wire/expect-reply.ts';
import { type EngineChannel, encodeSizes, type SavedEngine } from './engine-channel.ts';

const GUEST_PATH = '/gondolin-js';

/**
 * Starts a machine with gondolin-js, or continues a saved one. Node does not wait for it.
 * @throws {GondolinError} as `VM.create`; SNAPSHOT_REFUSED.
 */
export async function openMachine(
  sizes: SandboxSizes,
  saved?: SavedEngine,
): Promise<EngineChannel> {
  const program = await startLoneProgram({
    hostPath: jsProgramPath(),
    guestPath: GUEST_PATH,
    args: ['--port'],
    memoryBytes: machineBytes(sizes),
    prepare: prepareEngine,
    ...(saved === undefined ? {} : { from: saved.directory }),
  });
  program.keepAlive(false);
  return new MachineChannel(program);
}

/** Waits for the first engine. Each sandbox gives it sizes of its own, which replace these. */
async function prepareEngine(channel: Duplex): Promise<void> {
  channel.write(encodeEngineFrame(ENGINE_FRAME.start, encodeSizes(DEFAULT_SIZES)));
  expectReply(await firstFrame(channel), ENGINE_FRAME.ready);
}

function firstFrame(channel: Duplex): Promise<EngineFrame> {
  const decoder = new EngineFrameDecoder();
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      try {
        const [frame] = decoder.push(chunk);
        if (frame === undefined) return;
        channel.off('data', onData).pause();
        resolve(frame);
      } catch (error) {
        reject(error as Error);
      }
    };
    channel.on('data', onData);
  });
}

class MachineChannel implements EngineChannel {
  readonly #program: LoneProgram;
  readonly ended: Promise<string>;
  #interrupting: Promise<void> = Promise.resolve();

  constructor(program: LoneProgram) {
    this.#program = program;
    this.ended = program.ended;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { channel } = this.#program;
    if (channel.destroyed) throw new Error('its input is closed');
    if (!channel.write(bytes)) await once(channel, 'drain');
  }

  onOutput(listener: (chunk: Buffer) => void): void {
    this.#program.channel.on('data', listener).resume();
  }

  save(directory: string): Promise<void> {
    return this.#program.save(directory);
  }

  keepAlive(isKept: boolean): void {
    this.#program.keepAlive(isKept);
  }

  /** One after another: two signals at once may arrive as one. */
  interrupt(): Promise<void> {
    const sent = this.#interrupting.then(() => this.#program.signal(constants.signals.SIGUSR1));
    this.#interrupting = sent.catch(() => undefined);
    return sent;
  }

  close(): Promise<void> {
    return this.#program.close();
  }
}
