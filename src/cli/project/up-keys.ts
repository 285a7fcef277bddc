import type { ProjectHost } from '../../project/background/project-host.ts';
import type { SandboxState } from '../../project/live/sandbox-state.ts';
import { type CliIo, writeText } from '../io.ts';

const CTRL_C = '\u0003';
const HELP = 'Keys: r restart, s open a shell, p list the sandboxes, q stop all and quit.\n';

/** One key that was typed, or a line in answer to a question. */
type Mode = 'keys' | 'shell';

interface Choice {
  readonly verb: string;
  readonly names: readonly string[];
  readonly run: (name: string) => Promise<void>;
}

function describeStates(states: readonly SandboxState[]): string {
  const lines = states.map(({ name, phase, health }) => {
    return `  ${name}: ${phase}${health === null ? '' : `, ${health}`}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Reads keys on a terminal while a project runs in the foreground. */
class UpKeys {
  readonly #host: ProjectHost;
  readonly #io: CliIo;
  #mode: Mode = 'keys';
  #choice: Choice | null = null;
  /** True while a shell has the terminal: what sandboxes print would be drawn over it. */
  get isShellOpen(): boolean {
    return this.#mode === 'shell';
  }

  readonly #take = (chunk: Buffer | string): void => {
    for (const key of chunk.toString()) void this.#key(key);
  };

  constructor(host: ProjectHost, io: CliIo) {
    this.#host = host;
    this.#io = io;
  }

  start(): void {
    const { stdin, stderr } = this.#io;
    stdin.setRawMode?.(true);
    stdin.on('data', this.#take);
    void writeText(stderr, HELP);
  }

  stop(): void {
    const { stdin } = this.#io;
    stdin.off('data', this.#take);
    stdin.setRawMode?.(false);
    stdin.pause();
  }

  async #key(key: string): Promise<void> {
    if (this.#mode === 'shell') return;
    // The terminal is raw, so that it sends no signals itself.
    if (key === CTRL_C || key === 'q') {
      process.kill(process.pid, 'SIGINT');
      return;
    }
    const choice = this.#choice;
    if (choice !== null) {
      this.#choice = null;
      const name = choice.names[Number(key) - 1];
      await (name === undefined ? this.#say('Nothing was chosen.\n') : choice.run(name));
      return;
    }
    const { project } = this.#host;
    if (key === 'r') await this.#ask('restart', (name) => project.restart(name));
    else if (key === 's') await this.#ask('open a shell in', (name) => this.#shell(name));
    else if (key === 'p') await this.#say(describeStates(project.states));
    else if (key === 'h' || key === '?') await this.#say(HELP);
  }

  async #say(text: string): Promise<void> {
    await writeText(this.#io.stderr, text);
  }

  /** Asks for a sandbox by its number; one alone needs no question. */
  async #ask(verb: string, run: Choice['run']): Promise<void> {
    const names = this.#host.project.states.map(({ name }) => name).slice(0, 9);
    const [only] = names;
    if (only !== undefined && names.length === 1) return run(only);
    this.#choice = { verb, names, run };
    const list = names.map((name, at) => `${at + 1} ${name}`).join(', ');
    await this.#say(`Which sandbox to ${verb}? ${list}\n`);
  }

  async #shell(name: string): Promise<void> {
    const state = this.#host.project.states.find((one) => one.name === name);
    if (state?.vmId == null) return this.#say(`${name} has no running VM.\n`);
    const { shellCommand } = await import('../commands/shell.ts');
    this.#mode = 'shell';
    this.#io.stdin.off('data', this.#take);
    try {
      const options = { progress: 'plain' } as const;
      await shellCommand({ io: this.#io, options, operands: [state.vmId], trailing: null });
    } catch (error) {
      await this.#say(
        `the shell failed: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    } finally {
      this.#mode = 'keys';
      if (!this.#io.signal.aborted) this.start();
    }
  }
}

/** The keys of a foreground project. */
export interface KeyWatch {
  /** True while a shell has the terminal. */
  isShellOpen(): boolean;
  /** Begins to read keys, on a terminal. Returns the function that gives the terminal back. */
  start(host: ProjectHost): () => void;
}

export function watchKeys(io: CliIo, mode: string): KeyWatch {
  let keys: UpKeys | null = null;
  return {
    isShellOpen: () => keys?.isShellOpen === true,
    start: (host) => {
      const isOnTerminal = io.stdin.isTTY === true && io.stderr.isTTY === true && mode !== 'json';
      if (!isOnTerminal) return () => undefined;
      const own = new UpKeys(host, io);
      keys = own;
      own.start();
      return () => own.stop();
    },
  };
}
