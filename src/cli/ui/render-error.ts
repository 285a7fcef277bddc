import { type ErrorData, toErrorData } from '../../project/error-data.ts';
import { LineSplitter } from '../../util/line-splitter.ts';
import { plainText } from './text/describe.ts';
import { type Paint, plainPaint } from './text/paint.ts';
import { sanitiseLine } from './text/sanitise-line.ts';

/** The key of `details` that holds the last output of the guest's console. */
const CONSOLE_KEY = 'console';

/** Console lines shown. */
const MAX_CONSOLE_LINES = 40;

function consoleLines(tail: string): string[] {
  const splitter = new LineSplitter();
  const lines = [...splitter.push(tail), ...splitter.flush()].slice(-MAX_CONSOLE_LINES);
  return lines.map((line) => `  | ${sanitiseLine(line, false)}`);
}

function detailLines(details: NonNullable<ErrorData['details']>): string[] {
  const { [CONSOLE_KEY]: tail, ...rest } = details;
  const pairs = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `  ${key}: ${plainText(String(value))}`);
  if (typeof tail !== 'string' || tail.trim() === '') return pairs;
  return [...pairs, '  last lines of the guest console:', ...consoleLines(tail)];
}

/**
 * Renders one error, with a final newline:
 *
 *     error[CODE]: message
 *       at gondolin.yaml:3:5
 *       next: what to do
 */
export function renderErrorData(error: ErrorData, paint: Paint = plainPaint): string {
  const head = error.code === 'BUG' ? 'bug' : `error[${error.code}]`;
  const [first = '', ...more] = error.message.split('\n').map((line) => sanitiseLine(line, false));
  const lines = [
    `${paint('red', paint('bold', `${head}:`))} ${first}`,
    ...more.map((line) => `  ${line}`),
  ];
  if (error.at !== null)
    lines.push(`  at ${plainText(error.at.file)}:${error.at.line}:${error.at.col}`);
  if (error.details !== null) lines.push(...detailLines(error.details));
  if (error.stack !== null)
    lines.push(...error.stack.split('\n').map((line) => `  ${plainText(line)}`));
  lines.push(`  ${paint('cyan', 'next:')} ${sanitiseLine(error.hint, false)}`);
  return `${lines.join('\n')}\n`;
}

/** Renders an error and its causes with their stacks, for `--debug`. */
export function renderCauses(error: unknown): string {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 10 && current instanceof Error; depth += 1) {
    const label = depth === 0 ? 'stack' : 'cause';
    lines.push(...`${label}: ${current.stack ?? current.message}`.split('\n').map(plainText));
    current = current.cause;
  }
  return lines.map((line) => `  ${line}\n`).join('');
}

/** Renders `{code, message, hint, at, details}` of an error as one line, with the issues of an invalid project file. */
export function renderErrorJson(error: unknown): string {
  const { code, message, hint, at, details } = toErrorData(error);
  const hasIssues = error instanceof Error && 'issues' in error;
  const issues = hasIssues ? { issues: error.issues } : {};
  return `${JSON.stringify({ code, message, hint, at, details, ...issues })}\n`;
}
