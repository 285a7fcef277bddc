import type { Readable, Writable } from 'node:stream';
import {
  anything,
  boolean,
  type Decoder,
  decodeJson,
  decodeValue,
  integer,
  nullable,
  object,
  text,
} from '../../util/json-decoder.ts';
import { sessionFailed } from '../control-line.ts';
import { toError, wireError } from '../error-reply.ts';
import type { FrameSocket } from '../frames/frame-socket.ts';
import { InputCredit } from '../frames/input-credit.ts';
import type { SessionFrame } from '../frames/session-frame.ts';
import type { CommandEnd } from '../session-vm.ts';

/** The streams of a client that a command in a VM uses. They are not closed. */
export interface RemoteStreams {
  readonly stdin: Readable | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Called when output was lost because the client read too slowly. */
  readonly onGap?: (bytes: number) => void;
}

const commandEnd: Decoder<CommandEnd> = object<CommandEnd>({
  exitCode: integer({ max: 255 }),
  signal: nullable(text()),
  isOutOfMemory: boolean,
});

/** Checks how a command ended, as its owner sent it. @throws {GondolinError} SESSION_FAILED when it is something else. */
export function readCommandEnd(value: unknown): CommandEnd {
  const decoded = decodeValue(value, commandEnd);
  if (decoded.ok) return decoded.value;
  throw sessionFailed(`it sent an invalid end of a command: ${decoded.problem}`);
}

function parseJson(payload: Buffer): unknown {
  const decoded = decodeJson(payload.toString('utf8'), anything);
  return decoded.ok ? decoded.value : null;
}

function thrownError(json: string): Error {
  const decoded = decodeJson(json, wireError);
  return decoded.ok ? toError(decoded.value) : sessionFailed('it sent an invalid error');
}

/** Sends the input while the owner takes it. */
async function sendInput(source: Readable, credit: InputCredit, stream: FrameSocket) {
  for await (const chunk of source) {
    let rest = Buffer.from(chunk as Uint8Array | string);
    while (rest.length > 0) {
      const size = await credit.take(rest.length);
      await stream.send('stdin', rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  }
  await stream.send('stdin', Buffer.alloc(0));
}

/** Writes, and waits while the reader is slow. A reader that has gone (`| head`) is reported. */
async function write(output: Writable, data: Buffer): Promise<boolean> {
  if (output.destroyed || output.errored !== null || output.writableEnded) return false;
  if (output.write(data)) return true;
  return new Promise((resolve) => {
    const settle = (isOpen: boolean) => {
      output.off('drain', drained).off('close', closed).off('error', closed);
      resolve(isOpen);
    };
    const drained = () => settle(true);
    const closed = () => settle(false);
    output.on('drain', drained).on('close', closed).on('error', closed);
  });
}

/** Follows one command over a connection. */
class RemoteCommand {
  readonly #stream: FrameSocket;
  readonly #streams: RemoteStreams;
  readonly #credit = new InputCredit();
  #isPipeClosed = false;

  constructor(stream: FrameSocket, streams: RemoteStreams) {
    this.#stream = stream;
    this.#streams = streams;
  }

  /** Returns the end of the command, or null for output that ends without one. */
  async follow(): Promise<CommandEnd | null> {
    const { stdin } = this.#streams;
    let failure: Error | undefined;
    if (stdin !== null) {
      sendInput(stdin, this.#credit, this.#stream).catch((error: Error) => {
        failure = error;
        this.#stream.destroy();
      });
    }
    for await (const frame of this.#stream.frames()) {
      const end = await this.#take(frame);
      if (end !== null) return end;
    }
    if (failure !== undefined) throw failure;
    return null;
  }

  async #take({ channel, payload }: SessionFrame): Promise<CommandEnd | null> {
    switch (channel) {
      case 'stdout':
      case 'stderr':
        if (!(await write(this.#streams[channel], payload))) await this.#breakPipe(channel);
        return null;
      case 'credit':
        this.#credit.add(payload);
        return null;
      case 'gap':
        if (payload.length !== 8) throw sessionFailed('it sent an invalid gap');
        this.#streams.onGap?.(Number(payload.readBigUInt64BE()));
        return null;
      case 'exit':
        return readCommandEnd(parseJson(payload));
      case 'error':
        throw thrownError(payload.toString('utf8'));
      case 'stdin':
      case 'resize':
      case 'signal':
        throw sessionFailed(`it sent a frame for ${channel}`);
    }
  }

  /** A command whose reader has gone gets SIGPIPE, as on this host. */
  async #breakPipe(channel: 'stdout' | 'stderr'): Promise<void> {
    if (channel === 'stderr' || this.#isPipeClosed) return;
    this.#isPipeClosed = true;
    await this.#stream.send('signal', Buffer.from('SIGPIPE'));
  }
}

/**
 * Copies the streams of a command in a VM to and from those of this process until it ends.
 * @returns null for output that ends without the end of its command, as of `logs` without following.
 * @throws {GondolinError} the reason why the command did not end by itself; SESSION_FAILED.
 */
export function followRemote(
  stream: FrameSocket,
  streams: RemoteStreams,
): Promise<CommandEnd | null> {
  return new RemoteCommand(stream, streams).follow();
}
