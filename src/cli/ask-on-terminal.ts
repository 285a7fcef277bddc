import { createInterface } from 'node:readline/promises';
import type { AskAnswer, AskQuestion, OnAsk } from '../net/ask/ask-options.ts';
import type { CliIo } from './io.ts';
import { plainText } from './ui/text/describe.ts';
import { usageError } from './usage-error.ts';

const ANSWERS: Readonly<Record<string, AskAnswer>> = {
  o: 'once',
  once: 'once',
  r: 'run',
  run: 'run',
  n: 'never',
  never: 'never',
};

/** Longest text of a guest that is shown. */
const MAX_SHOWN = 120;

function questionText({ host, port, scheme, method, url }: AskQuestion): string {
  const what =
    method === null || url === null
      ? `${scheme} to ${host}, port ${port}`
      : `${method.slice(0, 20)} ${url.slice(0, MAX_SHOWN)}`;
  return `? ${plainText(what)} is not in allowed_hosts. Allow it once, for the run, or never [o/r/N]? `;
}

/**
 * Returns a function that asks on the terminal about hosts that the policy does not name, one question at a time. Anything but
 * `o` and `r` is `never`.
 *
 * @throws {GondolinError} CLI_USAGE when there is no terminal to ask on.
 */
export function askOnTerminal({ stdin, stderr }: Pick<CliIo, 'stdin' | 'stderr'>): OnAsk {
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    throw usageError(
      '--ask: standard input and standard error are not a terminal',
      'Add the hosts with --allow-host, or run it in a terminal.',
    );
  }
  let last: Promise<unknown> = Promise.resolve();
  return (question, { signal }) => {
    const answer = last.then(async (): Promise<AskAnswer> => {
      if (signal.aborted) return 'never';
      const lines = createInterface({ input: stdin, output: stderr, terminal: false });
      try {
        const text = await lines.question(questionText(question), { signal });
        return ANSWERS[text.trim().toLowerCase()] ?? 'never';
      } finally {
        lines.close();
      }
    });
    // A question that was taken back does not keep the next one from being asked.
    last = answer.catch(() => undefined);
    return answer;
  };
}
