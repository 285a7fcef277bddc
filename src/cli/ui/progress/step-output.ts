import type { RunEvent } from '../../../project/run-event.ts';
import { LineSplitter } from '../../../util/line-splitter.ts';
import { stepKey } from './run-renderer.ts';

/** Stands for the step of a service's output: no step has an empty name. */
export const SERVICE = '';

type OutputEvent = Pick<
  Extract<RunEvent, { type: 'step-output' }>,
  'sandbox' | 'step' | 'stream' | 'text'
>;

/** Splits the output of running steps into lines; stdout and stderr of a step never share a line. */
export class StepLines {
  readonly #splitters = new Map<string, { stdout: LineSplitter; stderr: LineSplitter }>();

  /** Returns the lines that the event completes. */
  push(event: OutputEvent): string[] {
    const key = stepKey(event);
    const splitters = this.#splitters.get(key) ?? {
      stdout: new LineSplitter(),
      stderr: new LineSplitter(),
    };
    this.#splitters.set(key, splitters);
    return splitters[event.stream].push(event.text);
  }

  /** Returns the unfinished last lines of a step that has ended, and forgets the step. */
  finish(step: { readonly sandbox: string; readonly step: string }): string[] {
    const splitters = this.#splitters.get(stepKey(step));
    this.#splitters.delete(stepKey(step));
    return splitters === undefined
      ? []
      : [...splitters.stdout.flush(), ...splitters.stderr.flush()];
  }
}

/** Lines of a running step's output shown below it. */
const TAIL_LINES = 5;

/** Time between two redraws of a tail, so that a chatty guest cannot keep the host drawing. */
const REDRAW_MS = 100;

/** Shows the last lines of a running step's output, redrawn at most ten times a second. */
export class LiveTail {
  #lines: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #show: (text: string) => void;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  push(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#lines = [...this.#lines, ...lines.slice(-TAIL_LINES)].slice(-TAIL_LINES);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#show(this.#lines.join('\n'));
    }, REDRAW_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
