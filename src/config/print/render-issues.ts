import { isAbsolute, relative } from 'node:path';
import type { Issue } from '../issue.ts';

/** The parts of the text that a caller can colour. */
export type IssuePart = 'place' | 'message' | 'excerpt' | 'caret' | 'hint';

export interface RenderIssuesOptions {
  /** Text of each file by absolute path. A file that is not in the map gets no excerpt. */
  readonly sources: ReadonlyMap<string, string>;
  /** Directory at which shown paths start. @default absolute paths */
  readonly relativeTo?: string;
  /** Colours one part. @default no colours */
  readonly style?: (part: IssuePart, text: string) => string;
}

/** Longest source line shown, in UTF-16 units. */
const MAX_EXCERPT_LENGTH = 160;

function shownPath(file: string, base: string | undefined): string {
  if (base === undefined) return file;
  const path = relative(base, file);
  return path === '' || isAbsolute(path) || path.startsWith('../../') ? file : path;
}

// A tab stays a tab above the caret, so that both lines end in the same column.
function underline(line: string, col: number): string {
  const lead = line.slice(0, col - 1).replaceAll(/[^\t]/g, ' ');
  const word = /^(?:[\w$.-]+|"[^"]*"|'[^']*')/.exec(line.slice(col - 1));
  return `${lead}${'^'.repeat(Math.max(1, word?.[0].length ?? 1))}`;
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes must not reach the terminal
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}');
}

function renderExcerpt(issue: Issue, options: RenderIssuesOptions): string[] {
  const style = options.style ?? ((_part, text) => text);
  const source = options.sources.get(issue.at.file)?.split(/\r\n|\n|\r/)[issue.at.line - 1];
  if (source === undefined || source.length > MAX_EXCERPT_LENGTH) return [];
  const line = printable(source);
  const gutter = String(issue.at.line);
  return [
    style('excerpt', `  ${gutter} | ${line}`),
    `  ${' '.repeat(gutter.length)} | ${style('caret', underline(line, issue.at.col))}`,
  ];
}

/**
 * Renders each issue as `file:line:col: message`, its source line with a caret, and its hint. No final newline. Pure; without
 * `style` there are no colours.
 */
export function renderIssues(issues: readonly Issue[], options: RenderIssuesOptions): string {
  const style = options.style ?? ((_part, text) => text);
  return issues
    .map((issue) => {
      const { file, line, col } = issue.at;
      const place = `${shownPath(file, options.relativeTo)}:${line}:${col}:`;
      return [
        `${style('place', place)} ${style('message', printable(issue.message))}`,
        ...renderExcerpt(issue, options),
        style('hint', `  next: ${printable(issue.hint)}`),
      ].join('\n');
    })
    .join('\n\n');
}
