import type { Readable, Writable } from 'node:stream';

/** The end of a command. */
export interface CommandEnd {
  /** 0..255; 128 + n for a death by signal n. */
  readonly exitCode: number;
  readonly signal: string | null;
  readonly isOutOfMemory: boolean;
}

/** The part of `ExecProcess` that a session uses. */
export interface SessionProcess extends PromiseLike<CommandEnd> {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Rejects when the command cannot be started. */
  readonly pid: Promise<number>;
  kill(signal: NodeJS.Signals, scope: 'process' | 'group' | 'tree'): Promise<void>;
  /** Rejects for a command without a terminal. */
  resize(rows: number, columns: number): Promise<void>;
}

/** A command for the VM of a session. */
export interface SessionExecOptions {
  readonly stdin: boolean;
  readonly stdout: 'pipe';
  readonly stderr: 'pipe';
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string;
  readonly pty?: boolean;
  readonly rows?: number;
  readonly columns?: number;
  readonly signal: AbortSignal;
}

/** The part of `SshAccess` that other processes need. */
export interface SessionSshAccess {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
  readonly options: readonly string[];
}

/** A port of the owner's machine that leads to a port of its VM. */
export interface SessionPort {
  /** IP address that it listens on. */
  readonly host: string;
  readonly port: number;
  readonly guestPort: number;
}

/** Counts of a copy. */
export interface CopyCounts {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  readonly bytes: number;
  readonly skipped: number;
}

/** The part of `vm.fs` that a session uses. */
export interface SessionFiles {
  stat(path: string): Promise<{ isDirectory(): boolean }>;
  copyIn(hostPath: string, path: string, options: { signal: AbortSignal }): Promise<CopyCounts>;
  copyOut(path: string, hostPath: string, options: { signal: AbortSignal }): Promise<CopyCounts>;
  readArchive(path: string, options: { signal: AbortSignal }): Readable;
  writeArchive(
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: { signal: AbortSignal },
  ): Promise<CopyCounts>;
}

/** The part of `VM` that a session uses; tests pass their own. */
export interface SessionVm {
  /** Process id of QEMU. */
  readonly qemuPid: number;
  /** Ports of this machine that lead to the VM. */
  readonly exposedPorts: readonly SessionPort[];
  /** Commands that were started so far. */
  readonly execCount: number;
  exec(command: string | readonly string[], options: SessionExecOptions): SessionProcess;
  ssh(): Promise<SessionSshAccess>;
  readonly fs: SessionFiles;
  save(directory: string): Promise<void>;
  close(): Promise<void>;
}
