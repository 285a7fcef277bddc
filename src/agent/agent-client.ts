import type { Duplex } from 'node:stream';
import type { MuxSession } from '../mux/mux-session.ts';
import {
  checkEmptyBody,
  decodeFrozen,
  decodeGuestMessage,
  type Frozen,
  type GuestMessage,
} from '../protocol/guest-message.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import type { CloneIdentity, HostRequest, TerminalSize } from '../protocol/host-message.ts';
import { printable } from '../protocol/printable.ts';
import { type AgentConnectOptions, openConnection } from './connect.ts';
import { Greeting, type Hello } from './greeting.ts';
import type { AgentExecOptions, GuestProcess, GuestProgram, KillScope } from './guest-process.ts';
import { ProcessRequests } from './process-requests.ts';
import { RequestTable } from './request-table.ts';
import { type GuestFileContent, writeGuestFile } from './write-guest-file.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export interface AgentClientOptions {
  /** Limit of each request, in milliseconds. @default 30000 */
  readonly timeoutMs?: number;
  /** Receives what the agent logs: untrusted text, made printable. */
  readonly onLog?: (text: string) => void;
}

/**
 * Typed client of the guest agent over a session (docs/protocol.md). Starts reading the session at once.
 * Requests reject with AGENT_REQUEST_FAILED, AGENT_TIMEOUT, or the error that ended the session.
 */
export class AgentClient {
  /** The agent's first message. Rejects with AGENT_VERSION, or the error that ended the session. */
  readonly hello: Promise<Hello>;
  readonly #session: MuxSession;
  readonly #requests: RequestTable;
  readonly #processes: ProcessRequests;
  readonly #greeting: Greeting;
  readonly #timeoutMs: number;
  readonly #onLog: (text: string) => void;

  constructor(session: MuxSession, options: AgentClientOptions = {}) {
    this.#session = session;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#onLog = options.onLog ?? (() => undefined);
    this.#requests = new RequestTable(session);
    this.#processes = new ProcessRequests(session, this.#requests, this.#timeoutMs);
    this.#greeting = new Greeting(session);
    this.hello = this.#greeting.hello;
    session.onMessage((payload) => this.#handle(decodeGuestMessage(payload)));
  }

  /** Handles an untrusted message. @throws {GondolinError} GUEST_PROTOCOL, which ends the session. */
  #handle(message: GuestMessage): void {
    if (this.#greeting.isAwaited && message.type !== 'HELLO' && message.type !== 'LOG') {
      throw guestProtocolError('HELLO as the first message', { subject: message.type });
    }
    switch (message.type) {
      case 'HELLO':
        this.#greeting.receive(message);
        break;
      case 'OK':
      case 'FAILED':
        this.#requests.settle(message);
        break;
      case 'EXITED':
        this.#processes.exit(message);
        break;
      case 'LOG':
        this.#onLog(printable(message.text));
        break;
    }
  }

  #request(request: HostRequest, timeoutMs: number = this.#timeoutMs): Promise<void> {
    return this.#requests.send(request, { decode: checkEmptyBody, timeoutMs });
  }

  /** Switches to the image's root. Call once, first. An empty device keeps the initramfs. @param root.mode  Where its changes go. @default memory */
  root(root: { device: string; fsType: string; mode?: 'MEMORY' | 'DISK' }): Promise<void> {
    return this.#request({ type: 'ROOT', mode: 'MEMORY', ...root });
  }

  /** Sets the clock, the names and ids, and credits entropy. */
  identity(identity: CloneIdentity): Promise<void> {
    return this.#request({ type: 'IDENTITY', ...identity });
  }

  /**
   * Stops the guest's processes and its file channel. Nothing is in flight on either port once the host has received and
   * sent as many bytes as the counts say. Everything sent later waits for `thaw`, which must follow however this ends; this
   * may be repeated before it.
   */
  freeze(): Promise<Frozen> {
    const handling = {
      decode: decodeFrozen,
      timeoutMs: this.#timeoutMs,
      flow: 'cork',
    } as const;
    return this.#requests.send({ type: 'FREEZE' }, handling);
  }

  /**
   * Resumes a frozen guest, with this identity before any process runs. With `isNewSession` the guest was restored
   * from a copy: it forgets streams and commands and sends its greeting first.
   */
  thaw(identity: CloneIdentity, isNewSession: boolean): Promise<void> {
    return this.#requests.send(
      { type: 'THAW', isNewSession, ...identity },
      { decode: checkEmptyBody, timeoutMs: this.#timeoutMs, flow: 'uncork' },
    );
  }

  /** Binds `source`, a name under the FUSE root, to a guest path. The file server must be attached. */
  mountHost(mount: { source: string; target: string; isReadonly: boolean }): Promise<void> {
    const { source, target, isReadonly } = mount;
    const unused = { sizeBytes: 0n, mode: 0, uid: 0, gid: 0 };
    return this.#request({ type: 'MOUNT', kind: 'HOST', source, target, isReadonly, ...unused });
  }

  /** Mounts a tmpfs at a guest path. */
  mountMemory(mount: {
    target: string;
    sizeBytes: number;
    mode: number;
    uid: number;
    gid: number;
  }): Promise<void> {
    const sizeBytes = BigInt(mount.sizeBytes);
    return this.#request({
      type: 'MOUNT',
      kind: 'TMPFS',
      source: '',
      isReadonly: false,
      ...mount,
      sizeBytes,
    });
  }

  /**
   * Mounts the ext4 file system of a block device at a guest path.
   * @param mount  `serial` names the device; `uid`, `gid` and `mode` are those of a file system that is mounted for the first time.
   */
  mountDisk(mount: {
    serial: string;
    target: string;
    isReadonly: boolean;
    mode: number;
    uid: number;
    gid: number;
  }): Promise<void> {
    const { serial: source, ...rest } = mount;
    return this.#request({ type: 'MOUNT', kind: 'DISK', source, sizeBytes: 0n, ...rest });
  }

  /** Makes `/` read-only, except for mounts, /tmp, /var/tmp and /run. */
  seal(): Promise<void> {
    return this.#request({ type: 'SEAL' });
  }

  /**
   * Captures the guest's network: after the reply each TCP connection is a stream of kind TCP, and each DNS query a record
   * on one of kind DNS (docs/protocol.md, "Guest streams"). Set their handlers on the session first. Repeating it does nothing.
   */
  network(): Promise<void> {
    return this.#request({ type: 'NETWORK' });
  }

  /**
   * Writes a regular file as root, or appends to it, and makes missing parents. Not atomic.
   * @throws {GondolinError} AGENT_REQUEST_FAILED (details: stage, errno), PROTOCOL_TEXT_HAS_NUL.
   */
  writeFile(content: GuestFileContent): Promise<void> {
    return writeGuestFile(content, (request) => this.#request(request));
  }

  /** Resolves when the agent has handled everything sent before. */
  ping(timeoutMs?: number): Promise<void> {
    return this.#request({ type: 'PING' }, timeoutMs);
  }

  /** Makes the guest kill its processes, sync, reply and power off. */
  shutdown(): Promise<void> {
    return this.#request({ type: 'SHUTDOWN' });
  }

  /**
   * Starts a process.
   * @throws {GondolinError} AGENT_EXEC_NOT_FOUND, AGENT_EXEC_NOT_EXECUTABLE, AGENT_EXEC_BAD_USER, AGENT_EXEC_BAD_CWD,
   *   AGENT_REQUEST_TOO_LARGE, AGENT_TIMEOUT, MUX_STREAM_LIMIT, PROTOCOL_TEXT_HAS_NUL, the session's error.
   */
  exec(options: AgentExecOptions): Promise<GuestProcess> {
    return this.#processes.exec(options);
  }

  /**
   * Starts a files process, for a `FilesClient`.
   * @param user  `UID[:GID]` or `NAME[:GROUP]`; empty: root.
   * @throws {GondolinError} AGENT_EXEC_BAD_USER, AGENT_TIMEOUT, MUX_STREAM_LIMIT, PROTOCOL_TEXT_HAS_NUL, the session's error.
   */
  startFiles(user: string): Promise<GuestProcess> {
    return this.#processes.startFiles(user);
  }

  /**
   * Starts the program that has the port of the file channel as its standard input and output. Instead of host mounts, and once.
   * @param argv  The program, as an absolute path, and its arguments.
   * @throws {GondolinError} AGENT_EXEC_…, AGENT_TIMEOUT, the session's error.
   */
  startProgram(argv: readonly string[]): Promise<GuestProgram> {
    return this.#processes.startProgram(argv);
  }

  /** Returns the program that a restored machine has from `startProgram`. Call once, before the session can hear of its exit. */
  adoptProgram(): GuestProgram {
    return this.#processes.adoptProgram();
  }

  /**
   * Connects to a server in the guest.
   * @throws {GondolinError} MUX_STREAM_RESET with the outcome (details: reason, of RESET), MUX_STREAM_LIMIT, AGENT_TIMEOUT, the
   *   session's error; an AbortError.
   */
  connect(options: AgentConnectOptions): Promise<Duplex> {
    return openConnection(this.#session, options, this.#timeoutMs);
  }

  /**
   * Signals an exec's process, group or tree. SIGKILL to the tree resolves once no process of it is left. An exec without
   * processes is not an error.
   * @throws {GondolinError} AGENT_TIMEOUT; AGENT_REQUEST_FAILED; the session's error.
   */
  kill(execId: number, signal: number, scope: KillScope): Promise<void> {
    return this.#processes.kill(execId, signal, scope);
  }

  /**
   * Changes the size of an exec's terminal, which its foreground processes see as SIGWINCH. An exec that has ended is not
   * an error.
   * @param size  Each 1..65535.
   * @throws {GondolinError} AGENT_TIMEOUT; AGENT_REQUEST_FAILED (errno ENOTTY: no terminal); the session's error.
   */
  resize(execId: number, size: TerminalSize): Promise<void> {
    return this.#processes.resize(execId, size);
  }
}
