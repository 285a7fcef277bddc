import type { SandboxState } from '../../project/live/sandbox-state.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';

const CTRL_C = '\u0003';
const HELP =
  'Keys: r restart, s open a shell, p list the sandboxes, d detach, q stop all and quit.\n';

/** The project that keys act on; it runs in another process. */
export interface KeyedProject {
  states(): readonly SandboxState[];
  restart(name: string): Promise<unknown>;
  /** Opens a shell in a VM, on this terminal. Resolves when it has ended. */
  openShell(vmId: string): Promise<unknown>;
  /** Stops all, as Ctrl-C does; a second time at once. */
  quit(): void;
  detach(): void;
}

interface Choice {
  readonly names: readonly string[];
  readonly run: (name: string) => Promise<unknown>;
}

function describeStates(states: readonly SandboxState[]): string {
  const lines = states.map(({ name, phase, health }) => {
    return `  ${name}: ${phase}${health === null ? '' : `, ${health}`}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Reads keys on a terminal while a project runs in the foreground. */
export class UpKeys {
  readonly #project: KeyedProject;
  readonly #io: Pick<CliIo, 'stdin' | 'stderr'>;
  #isShellOpen = false;
  #isStopped = false;
  #choice: Choice | null = null;

  readonly #take = (chunk: Buffer | string): void => {
    for (const key of chunk.toString()) void this.#key(key);
  };

  constructor(project: KeyedProject, io: Pick<CliIo, 'stdin' | 'stderr'>) {
    this.#project = project;
    this.#io = io;
  }

  start(): void {
    this.#listen();
    void this.#say(HELP);
  }

  /** Gives the terminal back. */
  stop(): void {
    this.#isStopped = true;
    this.#pause();
  }

  #listen(): void {
    const { stdin } = this.#io;
    stdin.setRawMode?.(true);
    stdin.on('data', this.#take);
    stdin.resume();
  }

  #pause(): void {
    const { stdin } = this.#io;
    stdin.off('data', this.#take);
    stdin.setRawMode?.(false);
    stdin.pause();
  }

  async #key(key: string): Promise<void> {
    // Keys that came with the one that opened the shell or ended this.
    if (this.#isShellOpen || this.#isStopped) return;
    // The terminal is raw, so that it sends no signals itself.
    if (key === CTRL_C || key === 'q') {
      this.#project.quit();
      return;
    }
    try {
      await this.#act(key);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await this.#say(`that failed: ${plainText(message)}\n`);
    }
  }

  async #act(key: string): Promise<unknown> {
    const choice = this.#choice;
    if (choice !== null) {
      this.#choice = null;
      const name = choice.names[Number(key) - 1];
      return name === undefined ? this.#say('Nothing was chosen.\n') : choice.run(name);
    }
    const project = this.#project;
    if (key === 'r') return this.#ask('restart', (name) => project.restart(name));
    if (key === 's') return this.#ask('open a shell in', (name) => this.#shell(name));
    if (key === 'p') return this.#say(describeStates(project.states()));
    if (key === 'd') return project.detach();
    if (key === 'h' || key === '?') return this.#say(HELP);
    return undefined;
  }

  async #say(text: string): Promise<void> {
    await writeText(this.#io.stderr, text);
  }

  /** Asks for a sandbox by its number; one alone needs no question. */
  async #ask(verb: string, run: Choice['run']): Promise<unknown> {
    const names = this.#project
      .states()
      .map(({ name }) => name)
      .slice(0, 9);
    const [only] = names;
    if (only !== undefined && names.length === 1) return run(only);
    this.#choice = { names, run };
    const list = names.map((name, at) => `${at + 1} ${name}`).join(', ');
    return this.#say(`Which sandbox to ${verb}? ${list}\n`);
  }

  async #shell(name: string): Promise<unknown> {
    const state = this.#project.states().find((one) => one.name === name);
    if (state?.vmId == null) return this.#say(`${name} has no running VM.\n`);
    this.#isShellOpen = true;
    this.#pause();
    try {
      await this.#project.openShell(state.vmId);
    } finally {
      this.#isShellOpen = false;
      if (!this.#isStopped) this.#listen();
    }
    // Keys typed while the shell still ended went to it: say from when on they count here.
    if (!this.#isStopped) await this.#say(`The shell in ${name} ended. ${HELP}`);
    return undefined;
  }
}
