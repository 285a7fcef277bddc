import { once } from 'node:events';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { jsProgramPath } from '../../host/package-root.ts';
import { type LoneProgram, startLoneProgram } from '../../vm/start/lone-program.ts';
import { DEFAULT_SIZES, machineBytes, type SandboxSizes } from '../sizes.ts';
import type { EngineChannel, EngineClock, SavedEngine } from './engine-channel.ts';
import { identify, startEngine } from './greet.ts';

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
    // Each sandbox gives it sizes of its own, which replace these.
    prepare: (channel) => startEngine(channel, channel, DEFAULT_SIZES),
    greet: (channel, isCopy) => greet(channel, sizes, isCopy),
    ...(saved === undefined ? {} : { from: saved.directory }),
  });
  program.keepAlive(false);
  return new MachineChannel(program);
}

async function greet(channel: Duplex, sizes: SandboxSizes, isCopy: boolean): Promise<void> {
  await startEngine(channel, channel, sizes);
  if (isCopy) await identify(channel, channel);
}

class MachineChannel implements EngineChannel {
  readonly #program: LoneProgram;
  readonly ended: Promise<string>;
  #interrupting: Promise<void> = Promise.resolve();
  #clock: Promise<EngineClock> | null = null;

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

  /** A kernel under KVM knows what time its machine waits, and does not count it for any process. */
  async openClock(): Promise<EngineClock | null> {
    if (this.#program.accelerator === 'kvm') return null;
    this.#clock ??= this.#program.openProcessorTime();
    return this.#clock;
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
