import { finished } from 'node:stream/promises';
import { copyInto, writeChunk } from '../util/channel-write.ts';
import type { SshGuest, SshProcess } from './ssh-guest.ts';
import type { ServerChannel } from './ssh2.ts';

/** The terminal that a client asked for. */
export interface SessionTerminal {
  readonly rows: number;
  readonly columns: number;
  /** Value of TERM; empty if the client has none. */
  readonly term: string;
}

/** Exit code of a command that could not be started. */
const NOT_STARTED = 127;

/** Bash where the guest has it, as its users expect; else sh. `$1` is the command; without one it is a login shell. */
const COMMAND = 'if [ -x /bin/bash ]; then exec /bin/bash -c "$1"; fi; exec /bin/sh -c "$1"';
const LOGIN = 'if [ -x /bin/bash ]; then exec /bin/bash -l; fi; exec /bin/sh -l';

/** @param command  null for a login shell. */
export function shellArgv(command: string | null): readonly string[] {
  return command === null ? ['/bin/sh', '-c', LOGIN] : ['/bin/sh', '-c', COMMAND, 'sh', command];
}

/** A session that runs a command or a shell in the guest. */
export class RunningSession {
  readonly #process: SshProcess;
  readonly #channel: ServerChannel;

  constructor(
    guest: SshGuest,
    channel: ServerChannel,
    what: {
      readonly argv: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly terminal: SessionTerminal | null;
    },
  ) {
    const { argv, env, terminal } = what;
    const size = terminal === null ? {} : { rows: terminal.rows, columns: terminal.columns };
    const term = terminal === null || terminal.term === '' ? {} : { TERM: terminal.term };
    this.#channel = channel;
    this.#process = guest.exec(argv, {
      stdin: true,
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...env, ...term },
      ...(terminal === null ? {} : { pty: true, ...size }),
    });
  }

  /** A signal's name without SIG, as SSH has it. One that the guest does not know has no effect. */
  signal(name: string): void {
    const signal = `SIG${name}` as NodeJS.Signals;
    this.#process.kill(signal, 'group').catch(() => undefined);
  }

  resize(rows: number, columns: number): void {
    this.#process.resize(rows, columns).catch(() => undefined);
  }

  /** Resolves when the command has ended and its channel is closed. Never rejects. */
  async run(): Promise<void> {
    const channel = this.#channel;
    channel.on('error', () => undefined);
    channel.once('close', () => this.#hangUp());
    try {
      await this.#join();
      const { exitCode, signal } = await this.#process;
      if (signal === null) channel.exit(exitCode);
      else channel.exit(signal.replace(/^SIG/, ''), false, '');
    } catch (error) {
      const text = `gondolin: ${(error as Error).message}\n`;
      await writeChunk(channel.stderr, text, channel);
      channel.exit(NOT_STARTED);
    }
    channel.end();
  }

  /** Resolves when the command's outputs have ended and are sent. */
  async #join(): Promise<void> {
    const { stdin, stdout, stderr } = this.#process;
    const channel = this.#channel;
    if (stdin !== null) {
      // The command may close its input before the client does.
      stdin.on('error', () => undefined);
      channel.pipe(stdin);
      void finished(stdin, { readable: false }).catch(() => channel.unpipe(stdin).resume());
    }
    await Promise.all([
      stdout === null ? null : copyInto(stdout, channel, channel),
      stderr === null ? null : copyInto(stderr, channel.stderr, channel),
    ]);
  }

  /** The client is gone: as a closed terminal, and what it started in the background lives on. */
  #hangUp(): void {
    const { stdin, stdout, stderr } = this.#process;
    this.#process.kill('SIGHUP', 'group').catch(() => undefined);
    stdin?.destroy();
    // Nobody reads it; a command that writes must not wait for ever.
    stdout?.resume();
    stderr?.resume();
  }
}
