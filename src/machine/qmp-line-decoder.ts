import { GondolinError } from '../errors/gondolin-error.ts';

/** The longest line of a machine like ours is the greeting's 1 KiB; query-* responses stay below 64 KiB. */
export const MAX_QMP_LINE_BYTES: number = 1024 * 1024;

/** One JSON object that the monitor sent. */
export type QmpMessage = Readonly<Record<string, unknown>>;

/**
 * Splits the monitor's bytes into JSON objects, one per line. A guest may have taken over QEMU, so lengths are bounded, and
 * the reader checks everything else.
 */
export class QmpLineDecoder {
  #parts: Buffer[] = [];
  #partBytes = 0;

  /** @throws {GondolinError} MACHINE_QMP_PROTOCOL for a line longer than 1 MiB or one that is not a JSON object. */
  push(chunk: Buffer): QmpMessage[] {
    const messages: QmpMessage[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      this.#keep(rest.subarray(0, end));
      const line = Buffer.concat(this.#parts).toString('utf8').trim();
      this.#parts = [];
      this.#partBytes = 0;
      if (line !== '') messages.push(parseObject(line));
      rest = rest.subarray(end + 1);
    }
    this.#keep(rest);
    return messages;
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length;
    if (this.#partBytes > MAX_QMP_LINE_BYTES) {
      throw qmpProtocolError(`a line longer than ${MAX_QMP_LINE_BYTES} bytes`);
    }
    if (part.length > 0) this.#parts.push(part);
  }
}

function parseObject(line: string): QmpMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw qmpProtocolError('a line that is not JSON');
  }
  if (!isQmpMessage(value)) throw qmpProtocolError('a line that is not a JSON object');
  return value;
}

export function isQmpMessage(value: unknown): value is QmpMessage {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function qmpProtocolError(what: string): GondolinError {
  return new GondolinError('MACHINE_QMP_PROTOCOL', `QEMU's monitor sent a bad message: ${what}`);
}
