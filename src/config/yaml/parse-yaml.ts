import { type Document, Lexer, parseDocument } from 'yaml';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { buildNode } from './build-node.ts';
import { MAX_DEPTH, MAX_INDENT_COLUMNS, MAX_SYNTAX_ISSUES } from './limits.ts';
import { placeAt, type SourceFile, type SourceNode } from './source-node.ts';

/** Clearer messages for some error codes of the YAML library. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'this line is indented with a tab: YAML requires spaces',
  MULTIPLE_DOCS: 'a second document starts here: a file has only one',
};

// A Map: a scalar such as `constructor` is a lexeme too.
const BRACKET_STEPS: ReadonlyMap<string, number> = new Map([
  ['[', 1],
  ['{', 1],
  [']', -1],
  ['}', -1],
]);
const LEXER_MARKS: readonly string[] = ['\u0002', '\u001f', '\u0018'];

function issueAt(file: SourceFile, offset: number, code: IssueCode, message: string): Issue {
  return { code, message, hint: ISSUE_HINTS[code], at: placeAt(file, offset) };
}

/** Tracks the nesting depth of a text's lexemes. */
class DepthCounter {
  #openBrackets = 0;
  #lineIndicators = 0;
  #isLineStart = true;

  isTooDeepAfter(lexeme: string): boolean {
    this.#openBrackets = Math.max(0, this.#openBrackets + (BRACKET_STEPS.get(lexeme) ?? 0));
    if (lexeme === '-' || lexeme === '?') this.#lineIndicators++;
    const indent = this.#isLineStart && /^ +$/.test(lexeme) ? lexeme.length : 0;
    this.#isLineStart = lexeme.endsWith('\n');
    if (this.#isLineStart) this.#lineIndicators = 0;
    const deepest = Math.max(this.#openBrackets, this.#lineIndicators);
    return deepest > MAX_DEPTH || indent > MAX_INDENT_COLUMNS;
  }
}

/**
 * Returns the offset at which nesting exceeds the limits, or -1. The library's composer recurses, and deep enough input ends the
 * whole process (V8 runs out of stack inside a regular expression): measured, 20,000 open brackets.
 */
function tooDeepAt(text: string): number {
  let offset = 0;
  const depth = new DepthCounter();
  for (const lexeme of new Lexer().lex(text)) {
    if (depth.isTooDeepAfter(lexeme)) return offset;
    // The lexer's own marks (document start, scalar start) are control characters that are not in the text.
    if (!LEXER_MARKS.includes(lexeme)) offset += lexeme.length;
  }
  return -1;
}

function syntaxIssues(file: SourceFile, document: Document.Parsed): Issue[] {
  return [...document.errors, ...document.warnings]
    .slice(0, MAX_SYNTAX_ISSUES)
    .map((error) =>
      issueAt(
        file,
        error.pos[0],
        'yaml_syntax',
        `YAML: ${PLAIN_WORDS[error.code] ?? error.message.replaceAll(/\s+/g, ' ')}`,
      ),
    );
}

/**
 * Parses one YAML 1.2 file into a tree of values, with aliases and `<<` merges expanded. Mistakes are added to `issues`.
 * @returns undefined when the file is empty or not valid YAML. Never throws.
 */
export function parseYaml(file: SourceFile, issues: Issue[]): SourceNode | undefined {
  const deepAt = tooDeepAt(file.text);
  if (deepAt >= 0) {
    const limit = `nested too deeply: at most ${MAX_DEPTH} levels`;
    issues.push(issueAt(file, Math.min(deepAt, file.text.length), 'yaml_limit', limit));
    return undefined;
  }
  const document = parseDocument(file.text, {
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
    // Not `silent`: that would also drop the error for a second document.
    logLevel: 'error',
  });
  const found = syntaxIssues(file, document);
  issues.push(...found);
  if (document.errors.length > 0 || document.contents === null) return undefined;
  return buildNode(file, document, issues);
}
