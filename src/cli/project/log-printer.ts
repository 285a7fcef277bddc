import type { LogLine } from '../../project/background/project-logs.ts';
import { type CliIo, type CliOutput, writeText } from '../io.ts';
import { outputPrefix } from '../ui/progress/plain-renderer.ts';
import { SERVICE } from '../ui/progress/step-output.ts';
import { nameTones } from '../ui/text/name-tones.ts';
import { hasColours, type Paint, paintFor, type Tone } from '../ui/text/paint.ts';
import { sanitiseLine } from '../ui/text/sanitise-line.ts';

/** Prints lines of logs as `up` does: each with the name of its sandbox, in a colour of its own. */
export class LogPrinter {
  readonly #output: CliOutput;
  readonly #paint: Paint;
  readonly #keepsColours: boolean;
  readonly #tones: ReadonlyMap<string, Tone>;

  /** @param sandboxes  Names of all sandboxes of the project: their order gives the colours. */
  constructor(output: CliOutput, { env }: CliIo, sandboxes: readonly string[]) {
    this.#output = output;
    this.#paint = paintFor(output, env);
    this.#keepsColours = output.isTTY === true && hasColours(output, env);
    this.#tones = nameTones(sandboxes);
  }

  /** Resolves when a slow reader is ready for more. */
  async print(lines: readonly LogLine[]): Promise<void> {
    for (const line of lines) await writeText(this.#output, this.#format(line));
  }

  #format({ sandbox, step, text }: LogLine): string {
    const prefix = outputPrefix({ sandbox, step: step ?? SERVICE });
    const tone = this.#tones.get(sandbox) ?? 'dim';
    return `${this.#paint(tone, prefix)}${sanitiseLine(text, this.#keepsColours)}\n`;
  }
}
