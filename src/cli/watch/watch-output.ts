import type { Plan } from '../../plan/plan.ts';
import { toErrorData } from '../../project/error-data.ts';
import type { RunChange, RunEvent } from '../../project/run-event.ts';
import type { RunResult } from '../../project/run-result.ts';
import { type CliIo, writeText } from '../io.ts';
import { createRenderer } from '../ui/progress/choose-renderer.ts';
import type { resolveProgress } from '../ui/progress/progress-mode.ts';
import type { RunRenderer } from '../ui/progress/run-renderer.ts';
import { renderErrorData } from '../ui/render-error.ts';
import { renderRunErrors, renderSummary } from '../ui/summary.ts';
import { plainText } from '../ui/text/describe.ts';
import { paintFor } from '../ui/text/paint.ts';

type DrawnMode = ReturnType<typeof resolveProgress>;

/** The output of watch mode: the events of each run, its summary, and what happens between the runs. */
export class WatchOutput {
  readonly #io: CliIo;
  readonly #mode: DrawnMode;
  readonly #session: RunRenderer;
  readonly #started: RunEvent;

  private constructor(io: CliIo, mode: DrawnMode, session: RunRenderer, started: RunEvent) {
    this.#io = io;
    this.#mode = mode;
    this.#session = session;
    this.#started = started;
  }

  static async open(io: CliIo, mode: DrawnMode, plan: Plan, maxParallel: number) {
    const sandboxes = plan.sandboxes.map(({ name, image, steps, service }) => ({
      ...{ name, image: image.name, isService: service !== null },
      steps: steps.map((step) => step.name),
    }));
    const time = new Date().toISOString();
    const started = {
      type: 'run-started',
      project: plan.name,
      maxParallel,
      sandboxes,
      time,
    } as const;
    return new WatchOutput(io, mode, await createRenderer(mode, null, io), started);
  }

  /** Returns a renderer of one run. */
  async openRun(): Promise<RunRenderer> {
    const renderer = await createRenderer(this.#mode, null, this.#io);
    // Colours of names are those of the whole session.
    if (this.#mode === 'plain') await renderer.onEvent(this.#started);
    const onEvent: RunRenderer['onEvent'] = (event) => {
      const isOfOne = event.type === 'run-started' && this.#mode !== 'json';
      return isOfOne ? undefined : renderer.onEvent(event);
    };
    return { onEvent, end: () => renderer.end() };
  }

  /** Prints an event of the session. */
  emit(change: RunChange): void {
    void this.#session.onEvent({ ...change, time: new Date().toISOString() });
  }

  /** Prints a line about the session. */
  notice(message: string): void {
    const isShown = this.#mode !== 'quiet' && this.#mode !== 'json';
    const paint = paintFor(this.#io.stdout, this.#io.env);
    if (isShown) void writeText(this.#io.stdout, `${paint('bold', `=> ${plainText(message)}`)}\n`);
  }

  /** Prints an error that does not end the session. */
  error(error: unknown): void {
    const { stderr, env } = this.#io;
    void writeText(stderr, renderErrorData(toErrorData(error), paintFor(stderr, env)));
  }

  /** Prints how a run ended. */
  async result(result: RunResult): Promise<void> {
    const { stdout, stderr, env } = this.#io;
    if (this.#mode === 'json') return;
    if (result.status === 'cancelled') {
      const names = result.sandboxes.map(({ name }) => name).join(', ');
      if (!this.#io.signal.aborted) this.notice(`${names}: the run was cancelled by the change`);
      return;
    }
    if (this.#mode !== 'quiet') {
      await writeText(stdout, renderSummary(result, paintFor(stdout, env)));
    }
    await writeText(stderr, renderRunErrors(result, paintFor(stderr, env)));
    if (!this.#io.signal.aborted) this.notice('watching for changes; Ctrl-C ends');
  }

  async end(): Promise<void> {
    await this.#session.end();
  }
}
