import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { type FileLock, lockFile } from '../../host/file-lock.ts';
import { identifyOwnProcess } from '../../host/process-life.ts';
import type { SandboxNetworkEvent } from '../../net/audit/network-event.ts';
import { type ControlServer, openControlServer } from '../../session/control-server.ts';
import { CONTROL_SOCKET } from '../../session/session-directory.ts';
import { type ProjectTarget, RunningProject } from '../live/running-project.ts';
import type { SandboxChange } from '../live/sandbox-change.ts';
import type { RunChange, RunEvent } from '../run-event.ts';
import { ProjectLogs } from './project-logs.ts';
import { LOGS, type ProjectRecord, removeProject, writeProjectRecord } from './project-record.ts';
import {
  MAX_PROJECT_REQUEST_BYTES,
  type ProjectSource,
  projectRequest,
} from './project-request.ts';
import { serveRequest } from './serve-request.ts';

/** Reads the project file for a request. @throws {GondolinError} CONFIG_…, CLI_USAGE */
export type LoadTarget = (source: ProjectSource) => Promise<ProjectTarget>;

export interface ProjectHostOptions
  extends Pick<ProjectRecord, 'isBackground' | 'file' | 'name' | 'isNamed'> {
  /** See `projectDirectory`. */
  readonly directory: string;
  readonly load: LoadTarget;
  readonly maxParallel: number;
  /** As of `RunOptions`. @default no limit */
  readonly memoryBytes?: number;
  /** Receives each event, before others do. */
  readonly onEvent?: (event: RunEvent) => void | Promise<void>;
  readonly onNetworkEvent?: (event: SandboxNetworkEvent) => void;
}

/** Time for the process that had the project before to end, in milliseconds. */
const CLAIM_LIMIT_MS = 5_000;

async function claim(directory: string, name: string): Promise<FileLock> {
  const limit = AbortSignal.timeout(CLAIM_LIMIT_MS);
  try {
    // Beside the directory, which is removed with the project.
    return await lockFile(`${directory}.lock`, 'exclusive', { signal: limit });
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new GondolinError('PROJECT_RUNNING', `project ${name} runs in another process`);
  }
}

/** A project in this process, as other commands of this user see it: its record, logs, events and control socket. */
export class ProjectHost {
  readonly project: RunningProject;
  readonly #options: ProjectHostOptions;
  readonly #lock: FileLock;
  readonly #logs: ProjectLogs;
  readonly #listeners = new Set<(event: RunEvent) => void>();
  readonly #startedAt = new Date().toISOString();
  #isDetached = false;
  /** Its directory is being removed. */
  #isClosed = false;
  #server: ControlServer | undefined;
  #saving: Promise<void> | null = null;
  #isSaveWanted = false;
  #saveFailure: unknown = null;
  #end: () => void = () => undefined;
  /** Resolves when another command has stopped all sandboxes, with `down`. */
  readonly ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  private constructor(options: ProjectHostOptions, lock: FileLock, logs: ProjectLogs) {
    this.#options = options;
    this.#lock = lock;
    this.#logs = logs;
    const { maxParallel, memoryBytes, onNetworkEvent } = options;
    this.project = new RunningProject({
      maxParallel,
      emit: (change) => this.emit(change),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(onNetworkEvent === undefined ? {} : { onNetworkEvent }),
    });
  }

  /**
   * Makes the project known to other commands, without any sandbox.
   * @throws {GondolinError} PROJECT_RUNNING when another process has it; HOST_….
   */
  static async open(options: ProjectHostOptions): Promise<ProjectHost> {
    const { directory, name } = options;
    await ensureDirectory(directory);
    const lock = await claim(directory, name);
    let host: ProjectHost | undefined;
    try {
      const logs = await ProjectLogs.open(join(directory, LOGS), (error) => host?.warn(error));
      host = new ProjectHost(options, lock, logs);
      // Left by a process that was killed: nobody else has the lock.
      await rm(join(directory, CONTROL_SOCKET), { force: true });
      await writeProjectRecord(directory, host.record);
      host.#server = await openControlServer(directory, host.#protocol(host));
      return host;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get record(): ProjectRecord {
    const { file, name, isNamed, isBackground } = this.#options;
    return {
      version: 1,
      owner: identifyOwnProcess(),
      isBackground: isBackground || this.#isDetached,
      ...{ file, name, isNamed },
      startedAt: this.#startedAt,
      sandboxes: this.project.states,
    };
  }

  /** True once it outlives the terminal that showed it. */
  get isDetached(): boolean {
    return this.#isDetached;
  }

  /** The project continues without the terminal that showed it, until `down`. */
  detach(): void {
    this.#isDetached = true;
    this.#save();
  }

  get logs(): ProjectLogs {
    return this.#logs;
  }

  /** Tells a problem of the project itself to those who watch it. */
  warn(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `logs or states can no longer be written: ${reason}`;
    void this.emit({ type: 'warning', sandbox: this.#options.name, message });
  }

  /** Passes an event to all that want it. Resolves when its text is written and the first listener is ready for more. */
  async emit(change: RunChange): Promise<void> {
    const event: RunEvent = { ...change, time: new Date().toISOString() };
    const shown = this.#options.onEvent?.(event);
    const isOutput = event.type === 'step-output' || event.type === 'service-output';
    if (!isOutput) {
      for (const listen of this.#listeners) listen(event);
      this.#save();
    }
    await Promise.all([shown, this.#logs.onEvent(event)]);
  }

  /** Passes events on, without output, until the returned function is called. */
  listen(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @throws {GondolinError} as `LoadTarget` */
  async preview(source: ProjectSource, isForced: boolean): Promise<readonly SandboxChange[]> {
    return this.project.preview(await this.#options.load(source), isForced);
  }

  /** @throws {GondolinError} as `LoadTarget` */
  load(source: ProjectSource): Promise<ProjectTarget> {
    return this.#options.load(source);
  }

  /** Stops all sandboxes for a command, and ends the project. */
  async down(graceMs: number | null): Promise<void> {
    const reason = new GondolinError('CLI_TERMINATED', 'stopped by gondolin down');
    await this.project.stopAll(reason, graceMs);
    this.#end();
  }

  /** Writes the present states, which other commands read from the record. Never rejects: see `warn`. */
  async saved(): Promise<void> {
    // A sandbox that is launched has a state before its first event.
    if (!this.#isClosed) this.#save();
    await this.#saving;
  }

  /** Forgets the project. All sandboxes must have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#saving;
    await this.#logs.close();
    await this.#server?.close();
    removeProject(this.#options.directory);
    this.#lock.release();
  }

  #protocol(host: ProjectHost) {
    return {
      maxRequestBytes: MAX_PROJECT_REQUEST_BYTES,
      decoder: (value: unknown, field: string) => {
        const request = projectRequest(value, field);
        return (connection: Parameters<typeof serveRequest>[2]) =>
          serveRequest(request, host, connection);
      },
      keepsDirectory: true,
    };
  }

  /** Writes the states: the latest ones, one write at a time. */
  #save(): void {
    this.#isSaveWanted = true;
    this.#saving ??= this.#saveLatest();
  }

  async #saveLatest(): Promise<void> {
    while (this.#isSaveWanted) {
      this.#isSaveWanted = false;
      try {
        await writeProjectRecord(this.#options.directory, this.record);
      } catch (error) {
        const isFirst = this.#saveFailure === null;
        this.#saveFailure = error;
        if (isFirst) this.warn(error);
      }
    }
    // In the same turn as the last look at what is wanted: a later change starts this again.
    this.#saving = null;
  }
}
