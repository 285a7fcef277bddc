/** Characters without a meaning to a POSIX shell, in any position. `=` is not among them: `A=b cmd` assigns. */
const PLAIN_WORD = /^[A-Za-z0-9_/.:,@%+-]+$/;

/** The words of POSIX.1-2017 §2.4, and those that bash and zsh also reserve. */
const RESERVED_WORDS = new Set(
  'if then else elif fi do done case esac while until for in function select time coproc repeat foreach end nocorrect'.split(
    ' ',
  ),
);

function quoteWord(word: string): string {
  if (word.includes('\0')) throw new TypeError('shellQuoteArgs: an argument contains a NUL byte');
  if (PLAIN_WORD.test(word) && !RESERVED_WORDS.has(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Returns one line for `sh -c` that the shell reads as exactly `args`. An empty word is `''`; no arguments give the empty string.
 *
 * @example
 * console.log(shellQuoteArgs(['echo', "it's", ''])); // echo 'it'\\''s' ''
 * @throws {TypeError} when an argument contains a NUL byte: neither a shell nor `execve` can pass it.
 */
export function shellQuoteArgs(args: readonly string[]): string {
  return args.map(quoteWord).join(' ');
}
