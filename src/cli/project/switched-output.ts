import { Writable } from 'node:stream';
import type { CliOutput } from '../io.ts';

/** An output that can be closed for good while the program continues: what is written then is discarded. */
export class SwitchedOutput extends Writable {
  readonly #target: CliOutput;
  #isOpen = true;

  constructor(target: CliOutput) {
    super({ decodeStrings: false });
    this.#target = target;
  }

  get isTTY(): boolean {
    return this.#target.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#target.columns;
  }

  get rows(): number | undefined {
    return this.#target.rows;
  }

  switchOff(): void {
    this.#isOpen = false;
  }

  /** Resolves when everything written so far has been passed on. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.write('', () => resolve()));
  }

  override _write(
    chunk: Buffer | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    // The failure of the real output is reported where that is watched.
    if (this.#isOpen && !this.#target.destroyed) this.#target.write(chunk, encoding, () => done());
    else done();
  }
}
