/** Characters that mean nothing to a POSIX shell, wherever they stand. `=` is not among them: `A=b cmd` assigns. */
const PLAIN_WORD = /^[A-Za-z0-9_/.:,@%+-]+$/;

/** POSIX.1-2017 §2.4 and the words bash and zsh reserve as well. */
const RESERVED_WORDS = new Set(
  'if then else elif fi do done case esac while until for in function select time coproc repeat foreach end nocorrect'.split(
    ' ',
  ),
);

function quoteWord(word: string): string {
  if (word.includes('\0')) throw new TypeError('shellQuoteArgs: an argument holds a NUL byte');
  if (PLAIN_WORD.test(word) && !RESERVED_WORDS.has(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * One line for `sh -c` that the shell reads as exactly `args`. The empty word is `''`; no args is the empty string.
 * @throws {TypeError} when an argument holds a NUL byte: no shell and no `execve` can carry it.
 */
export function shellQuoteArgs(args: readonly string[]): string {
  return args.map(quoteWord).join(' ');
}
