import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  boolean,
  type Decoder,
  integer,
  JsonFieldError,
  list,
  nullable,
  object,
  text,
} from '../../util/json-decoder.ts';
import { serveOwnCommand } from '../commands/serve-command.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';

/** Arguments of one command, and variables that it gets, at most. */
const MAX_WORDS = 4096;

export interface ExecRequest {
  /** A string runs in a login shell, a list without a shell. */
  readonly command: string | readonly string[];
  /** Variables, each `NAME=value`. */
  readonly env: readonly string[];
  /** Absolute guest path; null for the VM's own. */
  readonly cwd: string | null;
  readonly user: string | null;
  /** Whether it reads input of the client. */
  readonly stdin: boolean;
  /** Size of the terminal that it runs on; null for none. */
  readonly terminal: { readonly rows: number; readonly columns: number } | null;
  /** Runs without a client: the result has its number, and the connection is closed. */
  readonly isDetached: boolean;
}

const words = list(text(), { maxLength: MAX_WORDS });

const command: Decoder<string | readonly string[]> = (value, field) => {
  if (typeof value === 'string') return value;
  const argv = words(value, field);
  if (argv.length === 0) throw new JsonFieldError(field, value, 'a program');
  return argv;
};

const variable = text({ pattern: /^[^=\0]+=[^\0]*$/s });

const characters = integer({ min: 1, max: 65_535 });

const decoder = object<ExecRequest>({
  command,
  env: list(variable, { maxLength: MAX_WORDS }),
  cwd: nullable(text()),
  user: nullable(text()),
  stdin: boolean,
  terminal: nullable(object({ rows: characters, columns: characters })),
  isDetached: boolean,
});

function toRecord(variables: readonly string[]): Record<string, string> {
  const pairs = variables.map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return Object.fromEntries(pairs);
}

/** Runs a command. The client gets `{pid}` and then its streams, or `{id, pid}` of a detached one. */
export const execRequest: RequestKind<ExecRequest> = {
  decoder,
  run: async (request, session, connection) => {
    const vm = runningVm(session);
    const { cwd, user, stdin, terminal, isDetached } = request;
    if (isDetached) session.commands.makeRoom();
    const stop = new AbortController();
    const process = vm.exec(request.command, {
      stdin,
      stdout: 'pipe',
      stderr: 'pipe',
      env: toRecord(request.env),
      signal: stop.signal,
      ...(cwd === null ? {} : { cwd }),
      ...(user === null ? {} : { user }),
      ...(terminal === null ? {} : { pty: true, ...terminal }),
    });
    const leave = () => stop.abort();
    if (!isDetached) connection.gone.addEventListener('abort', leave);
    const pid = await process.pid;
    if (isDetached) {
      return { id: session.commands.add(process, pid, terminal !== null).id, pid };
    }
    if (connection.gone.aborted) throw new GondolinError('SESSION_FAILED', 'the client left');
    await serveOwnCommand(process, connection.startFrames({ pid }), leave);
    return null;
  },
};
