import { openControlFrames, requestControl } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { toError, wireError } from '../../session/error-reply.ts';
import type { FrameSocket } from '../../session/frames/frame-socket.ts';
import {
  type Decoder,
  decodeJson,
  decodeValue,
  list,
  literal,
  nullable,
  object,
  text,
} from '../../util/json-decoder.ts';
import type { SandboxChange } from '../live/sandbox-change.ts';
import type { ProjectRequest } from './project-request.ts';

/** Longest line of a project's process, in UTF-16 units. */
const MAX_LINE_LENGTH = 4 * 2 ** 20;

/** Sends a request that has one reply. @throws {GondolinError} the error in the reply; SESSION_FAILED */
export function askProject(
  directory: string,
  request: ProjectRequest,
  signal?: AbortSignal,
): Promise<unknown> {
  return requestControl(directory, request, signal);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw sessionFailed('it sent a line that is not JSON', cause);
  }
}

function thrownError(payload: Buffer): Error {
  const decoded = decodeJson(payload.toString('utf8'), wireError);
  return decoded.ok ? toError(decoded.value) : sessionFailed(decoded.problem);
}

/** Makes values of lines that frames cut anywhere, within a character too. */
class JsonLines {
  #pending = '';

  push(payload: Buffer): unknown[] {
    const lines = (this.#pending + payload.toString('latin1')).split('\n');
    this.#pending = lines.pop() ?? '';
    if (this.#pending.length > MAX_LINE_LENGTH)
      throw sessionFailed('it sent a line that is too long');
    return lines.map((line) => parseLine(Buffer.from(line, 'latin1').toString('utf8')));
  }
}

/** A request that continues: its values, and then how it ended. */
export class ProjectStream {
  readonly #stream: FrameSocket;
  /** The result of the work; undefined while it continues, and if the process ended before. */
  result: unknown;

  private constructor(stream: FrameSocket) {
    this.#stream = stream;
  }

  /** @throws {GondolinError} the error in the reply; SESSION_FAILED; an abort of the signal */
  static async open(
    directory: string,
    request: ProjectRequest,
    signal?: AbortSignal,
  ): Promise<ProjectStream> {
    const { stream } = await openControlFrames(directory, request, signal);
    return new ProjectStream(stream);
  }

  /** The values that it sends, until it ends. @throws {GondolinError} the error that it ended with; SESSION_FAILED */
  async *values(): AsyncGenerator<unknown, void> {
    const lines = new JsonLines();
    for await (const { channel, payload } of this.#stream.frames()) {
      if (channel === 'stdout') yield* lines.push(payload);
      else if (channel === 'exit') this.result = parseLine(payload.toString('utf8'));
      else if (channel === 'error') throw thrownError(payload);
      else throw sessionFailed(`it sent a frame for ${channel}`);
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}

const applied = object({
  failed: nullable(object({ sandbox: text(), reason: text() })),
});

/** Reads the result of `apply`. @throws {GondolinError} SESSION_FAILED */
export function readApplied(result: unknown) {
  const decoded = decodeValue(result, applied);
  if (decoded.ok) return decoded.value.failed;
  throw sessionFailed('it ended before the sandboxes were up');
}

const change: Decoder<SandboxChange> = object<SandboxChange>({
  sandbox: text(),
  action: literal('start', 'recreate', 'remove', 'keep'),
  reasons: list(text()),
});

/** Reads the result of `diff`. @throws {GondolinError} SESSION_FAILED */
export function readChanges(result: unknown): readonly SandboxChange[] {
  const decoded = decodeValue(result, list(change));
  if (decoded.ok) return decoded.value;
  throw sessionFailed(`its reply is invalid: ${decoded.problem}`);
}
