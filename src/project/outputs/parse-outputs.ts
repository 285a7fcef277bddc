/** The values that a step wrote to `$GONDOLIN_OUTPUT`, by name. */
export type StepOutputs = Readonly<Record<string, string>>;

/** Most bytes of the file of one step. */
export const MAX_OUTPUT_FILE_BYTES = 256 * 1024;
/** Most outputs of one step. */
export const MAX_OUTPUTS = 100;
/** Most bytes of one value: Linux takes at most 128 KiB as a variable. */
export const MAX_OUTPUT_BYTES = 64 * 1024;

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** Either the outputs, or what is wrong with the file, as part of a sentence. It contains nothing of the file. */
export type ParsedOutputs =
  | { readonly outputs: StepOutputs; readonly problem?: never }
  | { readonly outputs?: never; readonly problem: string };

interface Lines {
  readonly all: readonly string[];
  /** The next one, counted from 0. */
  at: number;
}

/** Takes the lines up to the delimiter; null if it does not come. */
function takeBlock(lines: Lines, delimiter: string): string | null {
  const start = lines.at;
  const end = lines.all.indexOf(delimiter, start);
  if (end < 0) return null;
  lines.at = end + 1;
  return lines.all.slice(start, end).join('\n');
}

/** Takes one output; returns its name and value, or what is wrong with it. */
function takeOutput(lines: Lines): [name: string, value: string] | string {
  const line = lines.all[lines.at] ?? '';
  lines.at += 1;
  const equals = line.indexOf('=');
  const arrow = line.indexOf('<<');
  const isBlock = arrow >= 0 && (equals < 0 || arrow < equals);
  if (!isBlock && equals < 0)
    return 'want NAME=value, or NAME<<END with the value up to a line END';
  const name = line.slice(0, isBlock ? arrow : equals);
  if (!NAME.test(name)) return 'want a name of at most 64 letters, digits and _ before the value';
  const delimiter = line.slice(arrow + 2);
  if (isBlock && delimiter === '') return 'want a word after <<';
  const value = isBlock ? takeBlock(lines, delimiter) : line.slice(equals + 1);
  if (value === null) return 'the line that ends this value is missing';
  if (value.includes('\0')) return 'the value contains a NUL';
  if (Buffer.byteLength(value) > MAX_OUTPUT_BYTES) {
    return `the value has more than ${MAX_OUTPUT_BYTES} bytes`;
  }
  return [name, value];
}

/**
 * Reads the file of a step: lines `NAME=value`, and for values of several lines `NAME<<END`, the value, and `END`. Of a name
 * that comes twice the last value counts. The file is the guest's: everything about it is bounded. Pure.
 */
export function parseOutputs(bytes: Uint8Array): ParsedOutputs {
  if (bytes.length > MAX_OUTPUT_FILE_BYTES) {
    return { problem: `it has more than ${MAX_OUTPUT_FILE_BYTES} bytes` };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { problem: 'it is not UTF-8' };
  }
  const lines: Lines = { all: text.split(/\r?\n/), at: 0 };
  const outputs = new Map<string, string>();
  while (lines.at < lines.all.length) {
    const line = lines.at + 1;
    if (lines.all[lines.at]?.trim() === '') {
      lines.at += 1;
      continue;
    }
    const output = takeOutput(lines);
    if (typeof output === 'string') return { problem: `line ${line}: ${output}` };
    outputs.set(...output);
    if (outputs.size > MAX_OUTPUTS) return { problem: `it has more than ${MAX_OUTPUTS} outputs` };
  }
  return { outputs: Object.fromEntries(outputs) };
}
