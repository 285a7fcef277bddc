import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { askProject } from '../../project/background/project-client.ts';
import { readProject } from '../../project/background/project-record.ts';
import { decodeValue, literal, object, tagged } from '../../util/json-decoder.ts';
import type { GlobalOptions } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { TERMINAL_COMMAND } from './internal-commands.ts';
import type { UpFlags } from './up-in-foreground.ts';
import { type KeyedProject, UpKeys } from './up-keys.ts';

/** The work of that process. */
export interface TerminalWork {
  readonly options: UpFlags & GlobalOptions;
  readonly operands: readonly string[];
}

/** A message of that process: the sandboxes are starting; it needs the terminal no more. */
export type TerminalReport = { readonly kind: 'running' } | { readonly kind: 'detached' };

/** A message to it. */
export type TerminalRequest =
  | { readonly kind: 'show' }
  | { readonly kind: 'hide' }
  | { readonly kind: 'detach' };

const report = tagged<TerminalReport>('kind', {
  running: object<TerminalReport>({ kind: literal('running') }),
  detached: object<TerminalReport>({ kind: literal('detached') }),
});

type Child = ReturnType<typeof start>;

function start(io: CliIo) {
  const [script = ''] = process.argv.slice(1);
  return spawn(process.execPath, [...process.execArgv, script, TERMINAL_COMMAND], {
    cwd: io.cwd,
    // A session of its own: the terminal ends this process only, which tells the other.
    detached: true,
    env: io.env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function keyedProject(child: Child, directory: string, io: CliIo): KeyedProject {
  const send = (request: TerminalRequest) => void child.send(request, () => undefined);
  return {
    states: () => readProject(directory)?.record.sandboxes ?? [],
    restart: (name) => askProject(directory, { method: 'restart', names: [name], graceMs: null }),
    openShell: async (vmId) => {
      const { shellCommand } = await import('../commands/shell.ts');
      send({ kind: 'hide' });
      try {
        const options = { progress: 'plain' } as const;
        await shellCommand({ io, options, operands: [vmId], trailing: null });
      } finally {
        send({ kind: 'show' });
      }
    },
    // As the signal of a terminal that is not raw: the second one ends all at once.
    quit: () => process.kill(process.pid, 'SIGINT'),
    detach: () => send({ kind: 'detach' }),
  };
}

/** Returns the exit code of a process that has ended. @throws {GondolinError} PROJECT_PROCESS_FAILED when it was killed */
function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  if (signal !== null && signal !== 'SIGKILL') return 128 + constants.signals[signal];
  throw new GondolinError(
    'PROJECT_PROCESS_FAILED',
    'the process of the project was killed, and its VMs with it',
  );
}

/**
 * Runs a project in a process of its own that writes to this terminal, and reads keys meanwhile. Detached, it continues without the
 * terminal; without that, it stops when this process ends.
 * @returns The exit code of the project; 0 once detached.
 * @throws {GondolinError} PROJECT_PROCESS_FAILED
 */
export async function upOnTerminal(
  work: TerminalWork,
  directory: string,
  io: CliIo,
): Promise<number> {
  const child = start(io);
  const keys = new UpKeys(keyedProject(child, directory, io), io);
  const pass = () => {
    const { reason } = io.signal;
    child.kill(
      GondolinError.is(reason) && reason.code === 'CLI_INTERRUPTED' ? 'SIGINT' : 'SIGTERM',
    );
  };
  io.signal.addEventListener('abort', pass, { once: true });
  try {
    const exited = once(child, 'exit');
    const detached = new Promise<'detached'>((resolve) => {
      child.on('message', (message) => {
        const decoded = decodeValue(message, report);
        if (!decoded.ok) return;
        if (decoded.value.kind === 'detached') resolve('detached');
        else keys.start();
      });
    });
    child.send(work);
    const end = await Promise.race([exited, detached]);
    if (end !== 'detached') return exitCodeOf(...(end as [number | null, NodeJS.Signals | null]));
    keys.stop();
    await writeText(
      io.stderr,
      'The project continues in the background: see gondolin ps, gondolin logs -f and gondolin down.\n',
    );
    return 0;
  } finally {
    keys.stop();
    io.signal.removeEventListener('abort', pass);
    if (child.connected) child.disconnect();
    child.unref();
  }
}
