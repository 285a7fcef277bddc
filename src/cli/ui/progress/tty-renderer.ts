import type { ListrTask } from 'listr2';
import type { RunEvent } from '../../../project/run-event.ts';
import { type CliOutput, writeText } from '../../io.ts';
import {
  describeMemoryWait,
  describeOutcome,
  describePort,
  describeService,
  describeStart,
  describeWaiting,
  plainText,
} from '../text/describe.ts';
import type { Paint } from '../text/paint.ts';
import { sanitiseLine } from '../text/sanitise-line.ts';
import { FailedOutput } from './failed-output.ts';
import { describeImage } from './image-pace.ts';
import { type RunRenderer, stepKey } from './run-renderer.ts';
import { LiveTail, SERVICE, StepLines } from './step-output.ts';

type RunStarted = Extract<RunEvent, { type: 'run-started' }>;

/** The end of a line of the live list. */
type Ending = { readonly kind: 'done' | 'failed' | 'skipped'; readonly text: string };

/** The part of a running listr2 task that is updated. */
interface LiveTask {
  title: string;
  output: string;
  skip(message: string): void;
}

/** One line of the live list, which waits for its ending. The ending may come before the line starts. */
class LiveLine {
  readonly label: string;
  /** Ports of the host that lead to this VM, for its ending. */
  readonly ports: string[] = [];
  #finish: (ending: Ending) => void = () => undefined;
  readonly #ending = new Promise<Ending>((resolve) => {
    this.#finish = resolve;
  });
  #task: LiveTask | null = null;
  #note = '';
  readonly tail = new LiveTail((text) => {
    if (this.#task !== null) this.#task.output = text;
  });

  constructor(label: string) {
    this.label = plainText(label);
  }

  note(text: string): void {
    this.#note = plainText(text);
    if (this.#task !== null) this.#task.title = `${this.label}: ${this.#note}`;
  }

  finish(ending: Ending): void {
    this.#finish(ending);
  }

  /** Returns the line as a listr2 task. */
  task(): ListrTask {
    return {
      title: this.label,
      rendererOptions: { outputBar: true, persistentOutput: false },
      task: async (_context, task) => {
        this.#task = task;
        if (this.#note !== '') task.title = `${this.label}: ${this.#note}`;
        const ending = await this.#ending;
        this.tail.stop();
        this.#task = null;
        const text = `${this.label}: ${plainText(ending.text)}`;
        task.title = text;
        if (ending.kind === 'skipped') task.skip(text);
        if (ending.kind === 'failed') throw new Error(text);
      },
    };
  }
}

/** The lines of a run: one for the VM of each sandbox, one for each step. */
class LiveLines {
  readonly #vms = new Map<string, LiveLine>();
  readonly #steps = new Map<string, LiveLine>();
  readonly #services = new Map<string, LiveLine>();

  constructor(run: RunStarted) {
    for (const { name, image, steps, isService } of run.sandboxes) {
      this.#vms.set(name, new LiveLine(`VM (${image})`));
      if (isService) this.#services.set(name, new LiveLine('service'));
      for (const step of steps)
        this.#steps.set(stepKey({ sandbox: name, step }), new LiveLine(step));
    }
  }

  vm(sandbox: string): LiveLine | undefined {
    return this.#vms.get(sandbox);
  }

  step(step: { sandbox: string; step: string }): LiveLine | undefined {
    return this.#steps.get(stepKey(step));
  }

  service(sandbox: string): LiveLine | undefined {
    return this.#services.get(sandbox);
  }

  /** Ends the lines that an aborted run left open. */
  finishAll(ending: Ending): void {
    const lines = [this.#vms, this.#steps, this.#services].flatMap((map) => [...map.values()]);
    for (const line of lines) line.finish(ending);
  }
}

function drawStepEnd(
  line: LiveLine | undefined,
  event: Extract<RunEvent, { type: 'step-finished' }>,
): void {
  const text = describeOutcome(event);
  const failed = event.status === 'cancelled' ? 'skipped' : 'failed';
  if (event.willRetry) line?.note(`${text}, retrying`);
  else line?.finish({ kind: event.status === 'succeeded' ? 'done' : failed, text });
}

function drawVm(line: LiveLine | undefined, event: RunEvent): void {
  if (event.type === 'image-progress') line?.note(describeImage(event));
  if (event.type === 'sandbox-waiting') line?.note(describeWaiting(event));
  if (event.type === 'memory-waiting') line?.note(describeMemoryWait(event));
  if (event.type === 'vm-starting') line?.note('starting');
  if (event.type === 'port-opened') line?.ports.push(describePort(event));
  if (event.type === 'vm-started') {
    const ports = (line?.ports ?? []).map((port) => `, port ${port}`).join('');
    line?.finish({ kind: 'done', text: `ready in ${describeStart(event)}${ports}` });
  }
  if (event.type === 'sandbox-finished') {
    const kind = event.status === 'cancelled' ? 'skipped' : 'failed';
    line?.finish({ kind, text: event.error?.message ?? event.status });
  }
}

function drawStep(line: LiveLine | undefined, event: RunEvent): void {
  if (event.type === 'step-started' && event.attempt > 1) {
    line?.note(`attempt ${event.attempt} of ${event.attempts}`);
  }
  if (event.type === 'step-skipped') line?.finish({ kind: 'skipped', text: event.reason });
  if (event.type === 'step-cached') line?.finish({ kind: 'done', text: 'cached' });
  if (event.type === 'step-finished') drawStepEnd(line, event);
}

function drawService(line: LiveLine | undefined, event: RunEvent): void {
  const isUp =
    event.type === 'service-started' ||
    event.type === 'service-restarted' ||
    event.type === 'service-healthy';
  if (isUp) line?.note(describeService(event));
  if (event.type === 'service-exited') {
    const text = describeService(event);
    const kind = event.isStopped || event.exitCode === 0 ? 'done' : 'failed';
    if (event.restartInMs !== null) line?.note(text);
    else line?.finish({ kind, text });
  }
  if (event.type === 'sandbox-finished') {
    line?.finish({ kind: 'skipped', text: event.error?.message ?? 'not running' });
  }
}

function draw(lines: LiveLines, event: RunEvent): void {
  if ('sandbox' in event) drawService(lines.service(event.sandbox), event);
  if ('step' in event) drawStep(lines.step(event), event);
  else if ('sandbox' in event) drawVm(lines.vm(event.sandbox), event);
}

async function startList(run: RunStarted, lines: LiveLines, stdout: CliOutput, stderr: CliOutput) {
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const asTerminal = (output: CliOutput) => output as NodeJS.WriteStream;
  const processOutput = new ProcessOutput(asTerminal(stdout), asTerminal(stderr));
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput });
  const tasks = run.sandboxes.map(({ name, steps }) => ({
    title: plainText(name),
    task: (
      _context: unknown,
      task: { newListr: (tasks: ListrTask[], options: object) => object },
    ) => {
      const below = [
        lines.vm(name)?.task(),
        ...steps.map((step) => lines.step({ sandbox: name, step })?.task()),
        lines.service(name)?.task(),
      ].filter((line) => line !== undefined);
      return task.newListr(below, { concurrent: false, exitOnError: false });
    },
  }));
  const rendererOptions = {
    logger,
    clearOutput: true,
    collapseSubtasks: false,
    collapseErrors: false,
    showErrorMessage: false,
    collapseSkips: true,
    formatOutput: 'truncate',
  } as const;
  const options = { concurrent: true, exitOnError: false, registerSignalListeners: false };
  const list = new Listr(tasks as ListrTask[], {
    ...options,
    renderer: 'default',
    rendererOptions,
    forceTTY: true,
    fallbackRendererCondition: false,
  });
  await list.run();
}

export interface TtyOptions {
  readonly paint: Paint;
  readonly keepColours: boolean;
}

/**
 * `--progress tty`: shows a live list of sandboxes and steps with the last output lines of running ones. At the end it
 * is replaced by the full output of failed steps and the summary.
 */
export function createTtyRenderer(
  stdout: CliOutput,
  stderr: CliOutput,
  options: TtyOptions,
): RunRenderer {
  const failed = new FailedOutput({ ...options, prefix: () => options.paint('dim', '  │ ') });
  const outputs = new StepLines();
  let lines: LiveLines | undefined;
  let drawing = Promise.resolve();
  const warnings: string[] = [];
  return {
    onEvent: (event) => {
      if (event.type === 'warning') {
        warnings.push(plainText(`${event.sandbox}: warning: ${event.message}`));
      }
      failed.onEvent(event);
      if (event.type === 'run-started') {
        lines = new LiveLines(event);
        drawing = startList(event, lines, stdout, stderr);
        // The run continues while the list is drawn; `end` rejects if drawing failed.
        drawing.catch(() => undefined);
      }
      if (lines === undefined) return;
      if (event.type === 'step-output') {
        const texts = outputs.push(event).map((line) => sanitiseLine(line, false));
        lines.step(event)?.tail.push(texts);
        return;
      }
      if (event.type === 'service-output') {
        const texts = outputs.push({ ...event, step: SERVICE });
        lines.service(event.sandbox)?.tail.push(texts.map((line) => sanitiseLine(line, false)));
        return;
      }
      if (event.type === 'step-finished') outputs.finish(event);
      if (event.type === 'service-exited') outputs.finish({ ...event, step: SERVICE });
      draw(lines, event);
    },
    end: async () => {
      lines?.finishAll({ kind: 'skipped', text: 'ended' });
      try {
        await drawing;
        await failed.print(stdout);
        for (const warning of warnings) {
          await writeText(stderr, `${options.paint('yellow', `=> ${warning}`)}\n`);
        }
      } finally {
        failed.dispose();
      }
    },
  };
}
