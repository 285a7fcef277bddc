import { splitPlainWords } from './plain-words.ts';

/** One entry of `commands`: a word for each word of the command, or `**` for every command. */
export type CommandPattern = readonly string[] | '**';

/** Returns null for text that is not the plain words of one command. `*` and `**` need no quotes. */
export function parseCommandPattern(text: string): CommandPattern | null {
  const trimmed = text.trim();
  if (trimmed === '**') return '**';
  // A star has no meaning to the splitter: it goes through it under another name.
  const words = splitPlainWords(trimmed.replaceAll('%', '%25').replaceAll('*', '%2A'));
  return words?.map((word) => word.replaceAll('%2A', '*').replaceAll('%25', '%')) ?? null;
}
