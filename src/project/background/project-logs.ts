import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LineSplitter } from '../../util/line-splitter.ts';
import type { RunEvent } from '../run-event.ts';

/** One line that a sandbox printed. */
export interface LogLine {
  /** Position among the lines of the whole project, from 1. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly sandbox: string;
  /** The step that printed it; null for the service. */
  readonly step: string | null;
  readonly stream: 'stdout' | 'stderr';
  /** Untrusted text of the guest, without its line end. */
  readonly text: string;
}

/** Most bytes of one file. A sandbox has two: the present one and the one before. */
const MAX_LOG_FILE_BYTES = 2 * 2 ** 20;

/** Returns the paths of a sandbox's log, the older file first. */
export function logFiles(directory: string, sandbox: string): readonly [string, string] {
  const name = encodeURIComponent(sandbox);
  return [join(directory, `${name}.1.jsonl`), join(directory, `${name}.jsonl`)];
}

/** The file that lines of one sandbox are added to. */
class SandboxLog {
  readonly #paths: readonly [string, string];
  readonly #maxBytes: number;
  #file: FileHandle | null = null;
  #size = 0;

  constructor(directory: string, sandbox: string, maxBytes: number) {
    this.#paths = logFiles(directory, sandbox);
    this.#maxBytes = maxBytes;
  }

  async add(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    if (this.#file !== null && this.#size + bytes.length > this.#maxBytes) {
      await this.close();
      await rename(this.#paths[1], this.#paths[0]);
    }
    if (this.#file === null) {
      this.#file = await open(this.#paths[1], 'w', 0o600);
      this.#size = 0;
    }
    await this.#file.write(bytes);
    this.#size += bytes.length;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}

interface Output {
  readonly splitter: LineSplitter;
  readonly facts: Pick<LogLine, 'sandbox' | 'step' | 'stream'>;
}

/** The output of a project's sandboxes as lines, on disk and for those who follow it. What is kept on disk is bounded. */
export class ProjectLogs {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #logs = new Map<string, SandboxLog>();
  readonly #outputs = new Map<string, Output>();
  readonly #followers = new Set<(line: LogLine) => void>();
  #last: Promise<void> = Promise.resolve();
  #seq = 0;
  #hasFailed = false;

  private constructor(directory: string, maxBytes: number, onFailure: (error: unknown) => void) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#onFailure = onFailure;
  }

  /**
   * Starts with empty logs.
   * @param onFailure  Receives the first error of writing. Lines still reach those who follow.
   */
  static async open(
    directory: string,
    onFailure: (error: unknown) => void,
    maxFileBytes: number = MAX_LOG_FILE_BYTES,
  ): Promise<ProjectLogs> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new ProjectLogs(directory, maxFileBytes, onFailure);
  }

  /** Adds what an event prints. Resolves once it is written. */
  onEvent(event: RunEvent): Promise<void> {
    if (event.type === 'step-output' || event.type === 'service-output') {
      const step = event.type === 'step-output' ? event.step : null;
      const { sandbox, stream, text, time } = event;
      const output = this.#output({ sandbox, step, stream });
      return this.#add(output.facts, output.splitter.push(text), time);
    }
    // What has no line end is a line of its own once its command has ended.
    if (event.type === 'step-finished') return this.#finish(event.sandbox, event.step, event.time);
    if (event.type === 'service-exited') return this.#finish(event.sandbox, null, event.time);
    return Promise.resolve();
  }

  /** Passes lines on from now until the returned function is called; those before have numbers up to `seq` and are on disk. */
  async follow(
    onLine: (line: LogLine) => void,
  ): Promise<{ readonly seq: number; readonly stop: () => void }> {
    this.#followers.add(onLine);
    const seq = this.#seq;
    await this.#last;
    return { seq, stop: () => void this.#followers.delete(onLine) };
  }

  async close(): Promise<void> {
    await this.#last;
    await Promise.all([...this.#logs.values()].map((log) => log.close()));
  }

  #output(facts: Output['facts']): Output {
    const key = JSON.stringify([facts.sandbox, facts.step, facts.stream]);
    const found = this.#outputs.get(key) ?? { splitter: new LineSplitter(), facts };
    this.#outputs.set(key, found);
    return found;
  }

  async #finish(sandbox: string, step: string | null, time: string): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const { splitter, facts } = this.#output({ sandbox, step, stream });
      await this.#add(facts, splitter.flush(), time);
    }
  }

  #add(facts: Output['facts'], texts: readonly string[], time: string): Promise<void> {
    if (texts.length === 0) return Promise.resolve();
    const lines = texts.map((text): LogLine => {
      this.#seq += 1;
      return { seq: this.#seq, time, ...facts, text };
    });
    for (const line of lines) for (const follow of this.#followers) follow(line);
    const { sandbox } = facts;
    const log = this.#logs.get(sandbox) ?? new SandboxLog(this.#directory, sandbox, this.#maxBytes);
    this.#logs.set(sandbox, log);
    const bytes = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    this.#last = this.#last.then(() => log.add(bytes)).catch((error: unknown) => this.#fail(error));
    return this.#last;
  }

  #fail(error: unknown): void {
    if (!this.#hasFailed) this.#onFailure(error);
    this.#hasFailed = true;
  }
}
