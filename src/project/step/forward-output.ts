import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Passthrough, RunnerProcess } from '../runner-vm.ts';

/** Receives a piece of output; reading waits for the promise that it returns. */
export type OutputSink = (stream: 'stdout' | 'stderr', text: string) => void | Promise<void>;

/** The forwarding of a command's output. */
export interface OutputForwarding {
  /** Resolves once both streams have ended; rejects if one failed. */
  readonly done: Promise<void>;
  /** Stops waiting for the sink, so that the last output of a killed command does not hang on a slow reader. */
  hurry(): void;
  /** Stops passing output to the sink. */
  stop(): void;
}

async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  const settled = await Promise.allSettled([first, second]);
  const broken = settled.find((result) => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
}

/** Reads stdout and stderr of a command as text into a sink, without splitting UTF-8 characters. */
export function forwardText(command: RunnerProcess, sink: OutputSink): OutputForwarding {
  let isStopped = false;
  let hurry = (): void => undefined;
  const hurried = new Promise<void>((resolve) => {
    hurry = resolve;
  });
  const send = async (name: 'stdout' | 'stderr', text: string) => {
    if (text !== '' && !isStopped) await Promise.race([sink(name, text), hurried]);
  };
  const read = async (name: 'stdout' | 'stderr', source: Readable | null) => {
    if (source === null) return;
    const decoder = new TextDecoder();
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      await send(name, decoder.decode(chunk, { stream: true }));
    }
    await send(name, decoder.decode());
  };
  return {
    done: both(read('stdout', command.stdout), read('stderr', command.stderr)),
    hurry,
    stop: () => {
      isStopped = true;
    },
  };
}

/** True for the error of a closed pipe (`| head`), which is not a failure. */
function isClosedReader(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ERR_STREAM_PREMATURE_CLOSE'
  );
}

/** Copies a stream. When the reader closes it, the command receives SIGPIPE, as under a shell. */
async function copy(source: Readable | null, target: Writable): Promise<void> {
  if (source === null) return;
  try {
    await pipeline(source, target, { end: false });
  } catch (error) {
    if (!isClosedReader(error)) throw error;
  }
}

/** Connects a command to the caller's streams, byte by byte. They are released at the end, not closed. */
export function forwardRaw(command: RunnerProcess, own: Passthrough): OutputForwarding {
  const { stdin } = own;
  const target = command.stdin;
  if (stdin !== null && target !== null) {
    // The rest of the input is discarded when a command closes it early, as under a shell.
    target.on('error', () => stdin.unpipe(target));
    stdin.pipe(target);
  }
  // A command that has ended, or could not be started, has no terminal any more.
  const resize = (size: { readonly rows: number; readonly columns: number }) => {
    command.resize(size.rows, size.columns).catch(() => undefined);
  };
  const restore = own.terminal?.start(resize);
  const stop = () => {
    restore?.();
    if (stdin === null || target === null) return;
    stdin.unpipe(target);
    stdin.pause();
  };
  const done = both(copy(command.stdout, own.stdout), copy(command.stderr, own.stderr));
  return { done, hurry: () => undefined, stop };
}
