import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ImageEvent } from '../guest-image.ts';
import type { DockerfileStage, ParsedDockerfile } from './parse-dockerfile.ts';

/**
 * `[1/2] STEP 3/8: RUN make`; a Dockerfile with one stage has no `[1/2]`. Output of the instruction before may come first, if its last line has
 * no end.
 */
const STEP = /(?:\[(?<stage>\d+)\/\d+\] )?STEP (?<step>\d+)\/(?<steps>\d+): (?<text>.*)$/;
/** The last line of a build that failed. */
const FAILURE = /^Error: (?:building at STEP ".*": )?(?<problem>.+)$/;
/** Lines of buildah about its own processes, which say nothing more. */
const NOISE = /^subprocess exited with status \d+$/;
const EXIT_CODE = /exit status (\d{1,3})$/;
const TAIL_LINES = 20;
const TITLE_MAX_CHARS = 100;

export interface BuildProgressOptions {
  readonly path: string;
  /** Names of the builder's images, and what the Dockerfile has for them. */
  readonly names: ReadonlyMap<string, string>;
  /** Share of the whole work that the build is, and where it begins. */
  readonly from: number;
  readonly to: number;
  readonly onEvent: (event: ImageEvent) => void;
}

/** Follows the output of a builder: which instruction runs, and at which line of the Dockerfile it is. Untrusted text. */
export class BuildProgress {
  readonly #dockerfile: ParsedDockerfile;
  readonly #options: BuildProgressOptions;
  readonly #total: number;
  #done = 0;
  #step: { readonly line: number; readonly text: string } | null = null;
  #tail: string[] = [];

  constructor(dockerfile: ParsedDockerfile, options: BuildProgressOptions) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    const steps = dockerfile.stages.reduce((sum, stage) => sum + stage.instructions.length + 1, 0);
    this.#total = Math.max(1, steps);
  }

  /** @param raw  A line of the builder, safe to print. */
  add(raw: string): void {
    let line = raw;
    for (const [name, reference] of this.#options.names) line = line.replaceAll(name, reference);
    const found = STEP.exec(line)?.groups;
    if (NOISE.test(line)) return;
    if (found === undefined) {
      this.#tail = [...this.#tail, line].slice(-TAIL_LINES);
      this.#tell('output', line, null);
      return;
    }
    const { stage = '1', step = '1', steps = '1', text = '' } = found;
    const at = this.#lineOf(Number(stage) - 1, Number(step) - 1, Number(steps));
    this.#step = { line: at, text };
    this.#tail = [];
    const { from, to } = this.#options;
    const fraction = from + (to - from) * Math.min(1, this.#done / this.#total);
    this.#done += 1;
    this.#tell(`line ${at}`, `line ${at}: ${text.slice(0, TITLE_MAX_CHARS)}`, fraction);
  }

  #tell(phase: string, message: string, fraction: number | null): void {
    this.#options.onEvent({ level: 'info', artifact: 'rootfs', phase, message, fraction });
  }

  /** ONBUILD instructions of the base come right after the FROM, and count. */
  #lineOf(stageIndex: number, step: number, steps: number): number {
    const stage: DockerfileStage | undefined = this.#dockerfile.stages[stageIndex];
    if (stage === undefined) return 1;
    const added = Math.max(0, steps - 1 - stage.instructions.length);
    return stage.instructions[step - 1 - added]?.line ?? stage.base.line;
  }

  /** The error of a build that failed. */
  failure(): GondolinError {
    const { path } = this.#options;
    const last = this.#tail.findLast((line) => FAILURE.test(line));
    const problem = FAILURE.exec(last ?? '')?.groups?.['problem'] ?? 'the builder failed';
    const [, code] = EXIT_CODE.exec(problem) ?? [];
    const what = code === undefined ? problem : `ended with exit code ${code}`;
    const place = this.#step === null ? path : `${path}:${this.#step.line}`;
    const text = this.#step === null ? '' : ` ${this.#step.text.slice(0, TITLE_MAX_CHARS)}:`;
    const lines = this.#tail.filter((line) => line !== last).map((line) => `\n  ${line}`);
    const message = `Cannot build the image: ${place}:${text} ${what}${lines.join('')}`;
    const exitCode = code === undefined ? null : Number(code);
    const details = { path, line: this.#step?.line ?? null, exitCode };
    return new GondolinError('IMAGE_DOCKERFILE_FAILED', message, { details });
  }
}
