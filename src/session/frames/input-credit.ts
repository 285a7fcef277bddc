import { sessionFailed } from '../control-line.ts';

/** Bytes of input that a client may send before the command has taken any. */
export const INPUT_CREDIT_BYTES = 256 * 1024;

/** The bytes of input that a client may still send. */
export class InputCredit {
  #available = INPUT_CREDIT_BYTES;
  #wake: () => void = () => undefined;

  /** Resolves with how much of `wanted` may be sent now, at least 1 byte, and takes it. */
  async take(wanted: number): Promise<number> {
    while (this.#available === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const granted = Math.min(wanted, this.#available);
    this.#available -= granted;
    return granted;
  }

  /** @throws {GondolinError} SESSION_FAILED for a frame of another size. */
  add(payload: Buffer): void {
    if (payload.length !== 4) throw sessionFailed('it sent an invalid credit');
    this.#available += payload.readUInt32BE(0);
    this.#wake();
  }
}

/** Returns the frame that returns credit for that many bytes. */
export function encodeCredit(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return payload;
}
