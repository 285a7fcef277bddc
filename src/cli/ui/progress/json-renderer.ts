import { type CliOutput, writeText } from '../../io.ts';
import type { RunRenderer } from './run-renderer.ts';

/** Above ASCII, what a terminal or a line reader could take for a control or a line end. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

/** One event as one line of JSON. */
export function jsonLine(value: unknown): string {
  const escapeCharacter = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(value).replace(UNSAFE, escapeCharacter)}\n`;
}

/** `--progress json`: every event as a line of JSON, and nothing else. */
export function createJsonRenderer(output: CliOutput): RunRenderer {
  return {
    onEvent: (event) => writeText(output, jsonLine(event)),
    end: async () => undefined,
  };
}
