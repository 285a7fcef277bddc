import { once } from 'node:events';
import { constants } from 'node:os';
import { jsProgramPath } from '../../host/package-root.ts';
import { type LoneProgram, startLoneProgram } from '../../vm/start/lone-program.ts';
import { engineSizes, machineBytes, type SandboxSizes } from '../sizes.ts';
import { type EngineChannel, engineArguments } from './engine-channel.ts';

const GUEST_PATH = '/gondolin-js';

/**
 * Starts a machine with gondolin-js. Node does not wait for it.
 * @throws {GondolinError} as `VM.create`.
 */
export async function openMachine(sizes: SandboxSizes): Promise<EngineChannel> {
  const program = await startLoneProgram({
    hostPath: jsProgramPath(),
    guestPath: GUEST_PATH,
    args: engineArguments(engineSizes(sizes)),
    memoryBytes: machineBytes(sizes),
  });
  program.keepAlive(false);
  return new MachineChannel(program);
}

class MachineChannel implements EngineChannel {
  readonly #program: LoneProgram;
  readonly ended: Promise<string>;

  constructor(program: LoneProgram) {
    this.#program = program;
    this.ended = program.ended;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#program.process;
    if (stdin === null || stdin.destroyed) throw new Error('its input is closed');
    if (!stdin.write(bytes)) await once(stdin, 'drain');
  }

  onOutput(listener: (chunk: Buffer) => void): void {
    this.#program.process.stdout?.on('data', listener);
  }

  keepAlive(isKept: boolean): void {
    this.#program.keepAlive(isKept);
  }

  interrupt(): Promise<void> {
    return this.#program.signal(constants.signals.SIGUSR1);
  }

  close(): Promise<void> {
    return this.#program.close();
  }
}
