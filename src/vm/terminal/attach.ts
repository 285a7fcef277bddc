import { finished, type Readable, type Writable } from 'node:stream';
import type { TerminalSize } from '../../protocol/host-message.ts';
import { type HostTerminal, takeTerminal } from './host-terminal.ts';

/** A command on a terminal of the guest, whose output nobody else reads. */
export interface AttachableCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  resize(size: TerminalSize): Promise<void>;
}

/**
 * Connects a terminal of the host to the command until its output ends, for any reason: keys, output and size. Then the
 * terminal is as it was, and nothing keeps Node running.
 * @returns Resolves once the terminal is restored. Never rejects.
 * @throws {GondolinError} VM_BAD_OPTION when another command has the terminal.
 */
export function attachTerminal(command: AttachableCommand, terminal: HostTerminal): Promise<void> {
  const { stdin, stdout } = command;
  const { input, output } = terminal;
  const wasFlowing = input.readableFlowing === true;
  const { watch, restore } = takeTerminal(terminal, (size) => {
    // A command that did not start, or has ended, says so itself.
    command.resize(size).catch(() => undefined);
  });
  // A terminal that is gone hangs the command's terminal up.
  const hangUp = () => stdout.destroy();
  output.once('close', hangUp).on('error', hangUp);
  input.on('error', hangUp);
  stdout.on('data', watch);
  stdout.pipe(output, { end: false });
  input.pipe(stdin);
  return new Promise((resolve) => {
    finished(stdout, () => {
      input.unpipe(stdin).off('error', hangUp);
      if (!wasFlowing) input.pause();
      stdout.unpipe(output);
      restore();
      output.off('close', hangUp).off('error', hangUp);
      resolve();
    });
  });
}
