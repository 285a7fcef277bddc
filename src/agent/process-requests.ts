import { GondolinError } from '../errors/gondolin-error.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import { STREAM_FILE_PORT } from '../protocol/constants.ts';
import { checkEmptyBody, decodePid, type GuestMessage } from '../protocol/guest-message.ts';
import type { HostRequest, TerminalSize } from '../protocol/host-message.ts';
import { ExitTable } from './exit-table.ts';
import {
  type AgentExecOptions,
  destroyExecStreams,
  type ExecStreams,
  type ExitStatus,
  type GuestProcess,
  type GuestProgram,
  type KillScope,
  openExecStreams,
} from './guest-process.ts';
import { execError } from './request-error.ts';
import type { RequestTable } from './request-table.ts';

const SCOPES = { process: 'PROCESS', group: 'GROUP', tree: 'TREE' } as const;
const SIGKILL = 9;
/** A copy of the machine has the program under it too. */
const PROGRAM_ID = 0xffff_ffff;

/** The requests about processes, EXEC, FILES, KILL and RESIZE, and the exits. `AgentClient` documents the calls. */
export class ProcessRequests {
  readonly #session: MuxSession;
  readonly #requests: RequestTable;
  readonly #timeoutMs: number;
  readonly #exits: ExitTable;

  constructor(session: MuxSession, requests: RequestTable, timeoutMs: number) {
    this.#session = session;
    this.#requests = requests;
    this.#timeoutMs = timeoutMs;
    this.#exits = new ExitTable(session);
  }

  /** @param message  Untrusted. @throws {GondolinError} GUEST_PROTOCOL for a process that does not run. */
  exit(message: Extract<GuestMessage, { type: 'EXITED' }>): void {
    this.#exits.exit(message);
  }

  exec(options: AgentExecOptions): Promise<GuestProcess> {
    return this.#session.sendTogether(() => this.#exec(options));
  }

  async #exec(options: AgentExecOptions): Promise<GuestProcess> {
    const streams = openExecStreams(this.#session, options);
    const { stdin, stdout, stderr } = streams;
    const [stdinId, stdoutId, stderrId] = [stdin, stdout, stderr].map((stream) => stream?.id ?? 0);
    const request: HostRequest = {
      type: 'EXEC',
      stdin: stdinId ?? 0,
      stdout: stdoutId ?? 0,
      stderr: stderrId ?? 0,
      user: options.user ?? '',
      cwd: options.cwd ?? '',
      argv: options.argv,
      env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
      terminal: options.terminal ?? null,
    };
    return this.#start(request, streams, options.timeoutMs);
  }

  startFiles(user: string): Promise<GuestProcess> {
    return this.#session.sendTogether(() => this.#startFiles(user));
  }

  async #startFiles(user: string): Promise<GuestProcess> {
    const streams = openExecStreams(this.#session, { argv: [], stdin: true, stderr: 'ignore' });
    const [stdin, stdout] = [streams.stdin?.id ?? 0, streams.stdout?.id ?? 0];
    return this.#start({ type: 'FILES', stdin, stdout, user }, streams);
  }

  async startProgram(argv: readonly string[]): Promise<GuestProgram> {
    const request: HostRequest = {
      ...{ type: 'EXEC', stdin: STREAM_FILE_PORT, stdout: STREAM_FILE_PORT, stderr: 0 },
      ...{ user: '', cwd: '/', argv, env: [], terminal: null },
    };
    const exited = await this.#requests.send(request, {
      decode: (body, id) => {
        decodePid(body);
        return { promise: this.#exits.add(id) };
      },
      toError: execError,
      timeoutMs: this.#timeoutMs,
      id: PROGRAM_ID,
    });
    return this.#program(exited.promise);
  }

  adoptProgram(): GuestProgram {
    return this.#program(this.#exits.add(PROGRAM_ID));
  }

  #program(exited: Promise<ExitStatus>): GuestProgram {
    return { exited, kill: (signal) => this.kill(PROGRAM_ID, signal, 'group') };
  }

  async #start(
    request: HostRequest,
    streams: ExecStreams,
    timeoutMs: number = this.#timeoutMs,
  ): Promise<GuestProcess> {
    try {
      const started = await this.#requests.send(request, {
        // The exit may follow in the same bytes and must find its process.
        decode: (body, id) => ({ id, pid: decodePid(body), exited: this.#exits.add(id) }),
        toError: execError,
        onLateOk: (id) => void this.kill(id, SIGKILL, 'tree').catch(() => undefined),
        timeoutMs,
      });
      const exited = started.exited.finally(() => streams.stdin?.destroy());
      exited.catch(() => undefined);
      const kill = (signal: number, scope: KillScope) => this.kill(started.id, signal, scope);
      const resize = (size: TerminalSize) => this.resize(started.id, size);
      return { ...started, ...streams, exited, kill, resize };
    } catch (error) {
      destroyExecStreams(streams);
      throw error;
    }
  }

  async kill(execId: number, signal: number, scope: KillScope): Promise<void> {
    await this.#requestOfExec({ type: 'KILL', execId, signal, scope: SCOPES[scope] });
  }

  async resize(execId: number, size: TerminalSize): Promise<void> {
    await this.#requestOfExec({ type: 'RESIZE', execId, ...size });
  }

  async #requestOfExec(request: HostRequest): Promise<void> {
    try {
      await this.#requests.send(request, { decode: checkEmptyBody, timeoutMs: this.#timeoutMs });
    } catch (error) {
      const isGone = GondolinError.is(error) && error.details?.['errno'] === 'ESRCH';
      if (!isGone) throw error;
    }
  }
}
