import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { sessionFailed } from '../control-line.ts';
import { errorData } from '../error-reply.ts';
import type { FrameSocket } from '../frames/frame-socket.ts';
import { encodeCredit, INPUT_CREDIT_BYTES } from '../frames/input-credit.ts';
import type { SessionFrame } from '../frames/session-frame.ts';
import { decodeSize } from '../frames/window-size.ts';
import type { CommandEnd, SessionProcess } from '../session-vm.ts';
import type { LogEntry, OutputName } from './command-log.ts';

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

/** @throws {GondolinError} SESSION_FAILED for a name that is no signal. */
export function toSignal(name: string): NodeJS.Signals {
  if (isSignal(name)) return name;
  throw sessionFailed('it named an unknown signal');
}

/** Takes the frames that a client sends for a command. */
class ClientInput {
  readonly #process: SessionProcess;
  readonly #stream: FrameSocket;
  #unread = 0;

  constructor(process: SessionProcess, stream: FrameSocket) {
    this.#process = process;
    this.#stream = stream;
  }

  /** @throws {GondolinError} SESSION_FAILED for a frame that a client may not send. */
  async take({ channel, payload }: SessionFrame): Promise<void> {
    if (channel === 'stdin') {
      this.#write(payload);
    } else if (channel === 'signal') {
      await this.#process.kill(toSignal(payload.toString('latin1')), 'group').catch(isOver);
    } else if (channel === 'resize') {
      const { rows, columns } = decodeSize(payload);
      await this.#process.resize(rows, columns).catch(isOver);
    } else {
      throw sessionFailed(`it sent a frame for ${channel}`);
    }
  }

  #write(payload: Buffer): void {
    const { stdin } = this.#process;
    if (payload.length === 0) {
      stdin?.end();
      return;
    }
    this.#unread += payload.length;
    if (this.#unread > INPUT_CREDIT_BYTES) throw sessionFailed('it sent more than its credit');
    const giveBack = () => {
      this.#unread -= payload.length;
      void this.#stream.send('credit', encodeCredit(payload.length));
    };
    if (stdin === null || !stdin.writable) giveBack();
    else stdin.write(payload, giveBack);
  }
}

/** A signal for a command that has just ended has nothing to reach. */
function isOver(error: unknown): void {
  if (!GondolinError.is(error)) throw error;
}

async function sendOutput(source: Readable | null, name: OutputName, stream: FrameSocket) {
  if (source === null) return;
  const isSent = (async () => {
    for await (const chunk of source) await stream.send(name, chunk as Buffer);
  })();
  // A stream that breaks does so with the command, whose end says why.
  await isSent.catch(() => undefined);
}

async function sendEnd(ended: PromiseLike<CommandEnd>, stream: FrameSocket): Promise<void> {
  try {
    const { exitCode, signal, isOutOfMemory } = await ended;
    await stream.send('exit', Buffer.from(JSON.stringify({ exitCode, signal, isOutOfMemory })));
  } catch (error) {
    await stream.send('error', Buffer.from(JSON.stringify(errorData(error))));
  }
  stream.end();
}

/** Takes a client's frames until it leaves. Destroys the connection of one that breaks the rules. */
async function takeInput(process: SessionProcess, stream: FrameSocket): Promise<void> {
  const input = new ClientInput(process, stream);
  try {
    for await (const frame of stream.frames()) await input.take(frame);
  } finally {
    stream.destroy();
  }
}

/**
 * Serves a command that belongs to its client: when the client leaves before the end, `leave` is called.
 * Resolves when the connection is over.
 */
export async function serveOwnCommand(
  process: SessionProcess,
  stream: FrameSocket,
  leave: () => void,
): Promise<void> {
  const isSent = Promise.all([
    sendOutput(process.stdout, 'stdout', stream),
    sendOutput(process.stderr, 'stderr', stream),
  ]);
  const isOver = isSent.then(() => sendEnd(process, stream));
  await takeInput(process, stream).finally(leave);
  await isOver;
}

function gapPayload(bytes: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(BigInt(bytes));
  return payload;
}

/** Sends what a reader of a log gets, then how the command ended, if it has. */
export async function sendLog(
  entries: AsyncIterable<LogEntry>,
  ended: PromiseLike<CommandEnd> | null,
  stream: FrameSocket,
): Promise<void> {
  for await (const entry of entries) {
    if (entry.kind === 'gap') await stream.send('gap', gapPayload(entry.bytes));
    else await stream.send(entry.name, entry.data);
  }
  if (ended === null) stream.end();
  else await sendEnd(ended, stream);
}

/** Serves a client that watches a detached command, and may write to it. The command outlives the client. */
export async function serveWatcher(
  process: SessionProcess,
  stream: FrameSocket,
  send: (gone: AbortSignal) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  const isOver = send(gone.signal);
  await takeInput(process, stream).finally(() => gone.abort());
  await isOver;
}
