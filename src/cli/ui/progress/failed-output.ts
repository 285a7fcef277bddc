import type { RunEvent } from '../../../project/run-event.ts';
import { LineSplitter } from '../../../util/line-splitter.ts';
import { type CliOutput, writeText } from '../../io.ts';
import { describeOutcome, describeService, plainText } from '../text/describe.ts';
import { OutputLog } from '../text/output-log.ts';
import type { Paint } from '../text/paint.ts';
import { sanitiseLine } from '../text/sanitise-line.ts';
import { stepKey } from './run-renderer.ts';
import { SERVICE } from './step-output.ts';

type ServiceExit = Extract<RunEvent, { type: 'service-exited' }>;
type Finished =
  | Extract<RunEvent, { type: 'step-finished' }>
  | (ServiceExit & { step: typeof SERVICE });

export interface FailedOutputOptions {
  readonly paint: Paint;
  readonly keepColours: boolean;
  /** Returns the prefix of each line of a step's output. */
  readonly prefix: (step: { sandbox: string; step: string }) => string;
}

/** Keeps the output of steps until they end, and prints the output of failed ones in full. */
export class FailedOutput {
  readonly #logs = new Map<string, OutputLog>();
  readonly #failed: { finished: Finished; log: OutputLog }[] = [];
  readonly #options: FailedOutputOptions;

  constructor(options: FailedOutputOptions) {
    this.#options = options;
  }

  onEvent(event: RunEvent): void {
    if (event.type === 'step-output') this.#log(event).append(event.text);
    if (event.type === 'service-output') this.#log({ ...event, step: SERVICE }).append(event.text);
    if (event.type === 'service-exited') this.#exited({ ...event, step: SERVICE });
    if (event.type !== 'step-finished' || event.willRetry) return;
    const log = this.#log(event);
    this.#logs.delete(stepKey(event));
    if (event.status === 'failed' || event.status === 'timed-out') {
      this.#failed.push({ finished: event, log });
    } else {
      log.dispose();
    }
  }

  #exited(event: Finished & ServiceExit): void {
    if (event.restartInMs !== null) return;
    const log = this.#log(event);
    this.#logs.delete(stepKey(event));
    if (!event.isStopped && event.exitCode !== 0) this.#failed.push({ finished: event, log });
    else log.dispose();
  }

  #log(step: { sandbox: string; step: string }): OutputLog {
    const log = this.#logs.get(stepKey(step)) ?? new OutputLog();
    this.#logs.set(stepKey(step), log);
    return log;
  }

  /** Prints each failed step that was not printed yet: a title line, then its output in all attempts. */
  async print(output: CliOutput): Promise<void> {
    for (const { finished, log } of this.#failed.splice(0)) {
      const title =
        finished.type === 'service-exited'
          ? `${finished.sandbox}: ${describeService(finished)}`
          : `${finished.sandbox} ${finished.step}: ${describeOutcome(finished)}`;
      await writeText(output, `${this.#options.paint('red', `=> ${plainText(title)}`)}\n`);
      await this.#printLog(output, finished, log);
      log.dispose();
    }
  }

  async #printLog(output: CliOutput, step: Finished, log: OutputLog): Promise<void> {
    const { prefix, keepColours } = this.#options;
    const splitter = new LineSplitter();
    const lead = prefix(step);
    const write = async (lines: readonly string[]) => {
      const text = lines.map((line) => `${lead}${sanitiseLine(line, keepColours)}\n`).join('');
      await writeText(output, text);
    };
    for (const text of log.read()) await write(splitter.push(text));
    await write(splitter.flush());
  }

  /** Releases everything that is kept. */
  dispose(): void {
    for (const log of this.#logs.values()) log.dispose();
    for (const { log } of this.#failed) log.dispose();
    this.#logs.clear();
    this.#failed.length = 0;
  }
}
