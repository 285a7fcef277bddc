import { createInterface } from 'node:readline/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { toErrorData } from '../../project/error-data.ts';
import { type CliIo, writeText } from '../io.ts';
import { renderErrorData } from '../ui/render-error.ts';
import { plainText } from '../ui/text/describe.ts';
import { paintFor } from '../ui/text/paint.ts';

const MAX_SHOWN = 20;

function listed(changes: readonly string[]): string {
  const lines = changes.slice(0, MAX_SHOWN).map((change) => `  + ${plainText(change)}\n`);
  const more = changes.length - MAX_SHOWN;
  return lines.join('') + (more > 0 ? `  and ${more} more\n` : '');
}

/**
 * Asks whether a changed project file may let guests do more. Without a terminal to ask on, it may not, and an error is printed.
 * @returns Whether it may.
 */
export async function confirmWidening(changes: readonly string[], io: CliIo): Promise<boolean> {
  const { stdin, stderr } = io;
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    const message =
      'the changed project file lets guests do more: the one from before stays in use';
    const error = toErrorData(new GondolinError('WATCH_POLICY_WIDENED', message));
    await writeText(stderr, renderErrorData(error, paintFor(stderr, io.env)) + listed(changes));
    return false;
  }
  await writeText(stderr, `The changed project file lets guests do more:\n${listed(changes)}`);
  const lines = createInterface({ input: stdin, output: stderr, terminal: false });
  try {
    const answer = await lines.question('? Use it [y/N]? ', { signal: io.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (io.signal.aborted) return false;
    throw error;
  } finally {
    lines.close();
  }
}
