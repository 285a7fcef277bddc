import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const TAIL_LINES = 20;
const LINE_MAX_CHARS = 500;

/** Follows the output of a command of a guest: its last lines, and each as it comes. Untrusted text, made safe to print. */
export class CommandOutput extends Writable {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  readonly #tail: string[] = [];
  readonly #linesAtOnce: number;
  #rest = '';

  /** @param linesAtOnce  Most lines of one piece of output that `onLine` receives: the last of them. */
  constructor(onLine: (line: string) => void, linesAtOnce: number = TAIL_LINES) {
    super();
    this.#onLine = onLine;
    this.#linesAtOnce = linesAtOnce;
  }

  /** Tells a last line that has no end. */
  flush(): void {
    const rest = plain(this.#rest);
    this.#rest = '';
    if (rest !== '') this.#tell(rest);
  }

  /** The last lines. */
  get tail(): readonly string[] {
    const rest = plain(this.#rest);
    return rest === '' ? this.#tail : [...this.#tail, rest].slice(-TAIL_LINES);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // A carriage return starts a progress line over.
    const lines = (this.#rest + this.#decoder.write(chunk)).split(/[\r\n]+/);
    this.#rest = (lines.pop() ?? '').slice(0, LINE_MAX_CHARS);
    for (const line of lines.slice(-this.#linesAtOnce).map(plain)) {
      if (line !== '') this.#tell(line);
    }
    done();
  }

  #tell(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    this.#onLine(line);
  }
}

function plain(line: string): string {
  return (
    line
      .slice(0, LINE_MAX_CHARS)
      .replaceAll(/\p{C}/gu, '\ufffd')
      // Sequences for terminals, such as colours.
      .replaceAll(/\ufffd\[[0-9;?]*[ -/]*[@-~]/g, '')
      .trimEnd()
  );
}
