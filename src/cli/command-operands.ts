import { findSession, type LiveSession } from './find-session.ts';
import type { CliIo } from './io.ts';
import { usageError } from './usage-error.ts';

/** A VM, and the number of one of its detached commands; null for the latest. */
export interface CommandOperands {
  readonly session: LiveSession;
  readonly command: number | null;
}

/** Reads the operands `VM [COMMAND]`. @throws {GondolinError} CLI_USAGE, SESSION_NOT_FOUND */
export async function readCommandOperands(
  io: CliIo,
  name: string,
  operands: readonly string[],
): Promise<CommandOperands> {
  const [word, number, ...rest] = operands;
  const isNumber = number === undefined || /^[1-9]\d{0,8}$/.test(number);
  if (word === undefined || rest.length > 0 || !isNumber) {
    throw usageError(
      'expected a VM, and the number of a detached command or none',
      `Write gondolin ${name} VM [COMMAND], with the number that \`gondolin exec -d\` printed.`,
    );
  }
  const session = await findSession(io, word);
  return { session, command: number === undefined ? null : Number(number) };
}
