import { MAIN_COMMAND } from '../session/commands/main-command.ts';
import { findSession, type LiveSession, type ProjectScope } from './find-session.ts';
import type { CliIo } from './io.ts';
import { usageError } from './usage-error.ts';

/** Operand for the command of `gondolin run`, `bash` or `exec` that the VM was started for. */
const MAIN = 'main';

/** A VM, and the number of one of its commands; null for the latest detached one. */
export interface CommandOperands {
  readonly session: LiveSession;
  readonly command: number | null;
}

/** Reads the operands `VM [COMMAND]`. @throws {GondolinError} CLI_USAGE, SESSION_NOT_FOUND */
export async function readCommandOperands(
  io: CliIo,
  name: string,
  operands: readonly string[],
  scope: ProjectScope,
): Promise<CommandOperands> {
  const [word, number, ...rest] = operands;
  const isNumber = number === undefined || number === MAIN || /^[1-9]\d{0,8}$/.test(number);
  if (word === undefined || rest.length > 0 || !isNumber) {
    throw usageError(
      'expected a VM, and the number of a detached command, main, or nothing',
      `Write gondolin ${name} VM [COMMAND], with the number that \`gondolin exec -d\` printed.`,
    );
  }
  const session = await findSession(io, word, scope);
  if (number === undefined) return { session, command: null };
  return { session, command: number === MAIN ? MAIN_COMMAND : Number(number) };
}
