import { once } from 'node:events';
import { constants } from 'node:os';
import { jsProgramPath } from '../../host/package-root.ts';
import { type LoneProgram, startLoneProgram } from '../../vm/start/lone-program.ts';
import { machineBytes, type SandboxSizes } from '../sizes.ts';
import {
  attachArguments,
  type EngineChannel,
  engineArguments,
  type SavedEngine,
} from './engine-channel.ts';

const GUEST_PATH = '/gondolin-js';
const GUEST_SOCKET = '/gondolin-js.socket';

/**
 * Starts a machine with gondolin-js, or continues a saved one. Node does not wait for it.
 * @throws {GondolinError} as `VM.create`; SNAPSHOT_REFUSED.
 */
export async function openMachine(
  sizes: SandboxSizes,
  saved?: SavedEngine,
): Promise<EngineChannel> {
  const machine = {
    hostPath: jsProgramPath(),
    guestPath: GUEST_PATH,
    memoryBytes: machineBytes(sizes),
  };
  const program = await (saved === undefined
    ? startLoneProgram({ ...machine, args: engineArguments(sizes, GUEST_SOCKET) })
    : startLoneProgram({
        ...machine,
        args: attachArguments(GUEST_SOCKET, saved),
        stderr: 'pipe',
        from: saved.directory,
      }));
  program.keepAlive(false);
  return new MachineChannel(program);
}

class MachineChannel implements EngineChannel {
  readonly #program: LoneProgram;
  readonly ended: Promise<string>;
  #interrupting: Promise<void> = Promise.resolve();

  constructor(program: LoneProgram) {
    this.#program = program;
    this.ended = program.ended;
    program.process.stderr?.on('error', () => undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#program.process;
    if (stdin === null || stdin.destroyed) throw new Error('its input is closed');
    if (!stdin.write(bytes)) await once(stdin, 'drain');
  }

  onOutput(listener: (chunk: Buffer) => void): void {
    this.#program.process.stdout?.on('data', listener);
  }

  save(directory: string): Promise<void> {
    return this.#program.save(directory);
  }

  keepAlive(isKept: boolean): void {
    this.#program.keepAlive(isKept);
  }

  /** One after another: two signals at once may arrive as one. */
  interrupt(): Promise<void> {
    const sent = this.#interrupting.then(() => this.#signal());
    this.#interrupting = sent.catch(() => undefined);
    return sent;
  }

  async #signal(): Promise<void> {
    const { stderr } = this.#program.process;
    // The command that attached to a continued gondolin-js passes the signal on, and writes a byte when it has.
    const passedOn = stderr === null ? null : once(stderr, 'data');
    passedOn?.catch(() => undefined);
    await this.#program.signal(constants.signals.SIGUSR1);
    // A machine that has ended has nothing to be stopped any more.
    if (passedOn !== null) await Promise.race([passedOn, this.ended]);
  }

  close(): Promise<void> {
    return this.#program.close();
  }
}
