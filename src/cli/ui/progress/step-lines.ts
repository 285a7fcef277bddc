import type { RunEvent } from '../../../project/run-event.ts';
import { LineSplitter } from '../text/line-splitter.ts';
import { stepKey } from './run-renderer.ts';

type Output = Extract<RunEvent, { type: 'step-output' }>;

/** Cuts the output of running steps into lines; stdout and stderr of a step do not share a line. */
export class StepLines {
  readonly #splitters = new Map<string, { stdout: LineSplitter; stderr: LineSplitter }>();

  push(event: Output): string[] {
    const key = stepKey(event);
    const splitters = this.#splitters.get(key) ?? {
      stdout: new LineSplitter(),
      stderr: new LineSplitter(),
    };
    this.#splitters.set(key, splitters);
    return splitters[event.stream].push(event.text);
  }

  /** Lines that have no end yet, when the step has one. */
  finish(step: { readonly sandbox: string; readonly step: string }): string[] {
    const splitters = this.#splitters.get(stepKey(step));
    this.#splitters.delete(stepKey(step));
    return splitters === undefined
      ? []
      : [...splitters.stdout.flush(), ...splitters.stderr.flush()];
  }
}
