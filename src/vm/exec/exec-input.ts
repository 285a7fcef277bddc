import { finished, PassThrough, Readable, type Writable } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ExecInput } from './exec-options.ts';

/** Standard input of a command on the host's side. */
export interface InputSource {
  /** Source of the bytes to send, or null for `/dev/null`. */
  readonly source: Readable | null;
  /** Target of `write()`, with `stdin: true`; else null. */
  readonly writable: Writable | null;
}

/** Creates the source of a command's standard input from the option. */
export function openInput(input: ExecInput | undefined): InputSource {
  if (input === undefined || input === false) return { source: null, writable: null };
  if (input === true) {
    const writable = new PassThrough();
    return { source: writable, writable };
  }
  if (typeof input === 'string' || input instanceof Uint8Array) {
    return { source: Readable.from([Buffer.from(input)], { objectMode: false }), writable: null };
  }
  const source = input instanceof Readable ? input : Readable.from(input, { objectMode: false });
  return { source, writable: null };
}

/**
 * Sends the source to the command. A command that closes its input early is not an error: the source is destroyed, or left
 * paused where it is the host's own standard input.
 * @param fail Called with VM_INPUT_FAILED when the source itself fails.
 */
export function sendInput(
  source: Readable,
  target: Writable,
  fail: (error: GondolinError) => void,
): void {
  const stopWatching = finished(source, { writable: false }, (cause) => {
    if (cause === null || cause === undefined) return;
    target.destroy();
    fail(
      new GondolinError('VM_INPUT_FAILED', `stdin of the command failed: ${cause.message}`, {
        cause,
      }),
    );
  });
  target.once('close', () => {
    stopWatching();
    source.unpipe(target);
    if (source === process.stdin) source.pause();
    else source.destroy();
  });
  // The exit of the command reports the reason to the caller, or the command closed its input.
  target.on('error', () => undefined);
  source.pipe(target);
}
