import type { CliIo, CliOutput } from '../../io.ts';

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Tone = keyof typeof CODES;

/** Colours text, or returns it unchanged. */
export type Paint = (tone: Tone, text: string) => string;

export const plainPaint: Paint = (_tone, text) => text;

export const colourPaint: Paint = (tone, text) => {
  const [on, off] = CODES[tone];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

/**
 * True when an output gets colours: FORCE_COLOR decides if set (`0` and `false` mean no), then a non-empty NO_COLOR
 * means no, otherwise a terminal that is not `dumb` gets them.
 * @see https://no-color.org
 */
export function hasColours(output: CliOutput, env: CliIo['env']): boolean {
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  const no = env['NO_COLOR'];
  if (no !== undefined && no !== '') return false;
  return output.isTTY === true && env['TERM'] !== 'dumb';
}

export function paintFor(output: CliOutput, env: CliIo['env']): Paint {
  return hasColours(output, env) ? colourPaint : plainPaint;
}
