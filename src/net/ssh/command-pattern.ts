import type { CommandPattern } from '../../util/command-pattern.ts';
import { splitPlainWords } from '../../util/plain-words.ts';
import { matchesWildcard } from '../../util/wildcard.ts';

/** A lone `*` is any word; in a path `*` is part of one segment, and never `.`, `..` or an empty one. */
function matchesWord(pattern: string, word: string): boolean {
  if (!pattern.includes('*')) return pattern === word;
  // A word that starts with a dash could be an option.
  if (word.startsWith('-') && !pattern.startsWith('-')) return false;
  if (pattern === '*') return word !== '' && !word.split('/').includes('..');
  const patterns = pattern.split('/');
  const segments = word.split('/');
  return (
    patterns.length === segments.length &&
    patterns.every((part, index) => {
      const segment = segments[index] ?? '';
      if (!part.includes('*')) return part === segment;
      return !['', '.', '..'].includes(segment) && matchesWildcard(part, segment);
    })
  );
}

/** Quotes a word as git does: the program is bare, and each argument in single quotes. */
function quote(word: string, index: number): string {
  if (index === 0 && /^[A-Za-z0-9_/.+-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Judges a command by its words, never by its prefix.
 *
 * @param command  Untrusted.
 * @returns The command to send to the server, quoted again so that it runs exactly the words that were judged; null if no
 *   pattern covers it.
 */
export function judgeCommand(
  patterns: readonly CommandPattern[],
  command: string,
): { readonly command: string } | null {
  if (patterns.includes('**')) return { command };
  const words = splitPlainWords(command);
  if (words === null) return null;
  const isCovered = patterns.some(
    (pattern) =>
      pattern !== '**' &&
      pattern.length === words.length &&
      pattern.every((part, index) => matchesWord(part, words[index] ?? '')),
  );
  return isCovered ? { command: words.map(quote).join(' ') } : null;
}
