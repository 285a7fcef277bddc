import { jsonLine } from '../../../util/json-line.ts';
import { type CliOutput, writeText } from '../../io.ts';
import type { RunRenderer } from './run-renderer.ts';

/** `--progress json`: prints every event as a line of JSON, and nothing else. */
export function createJsonRenderer(output: CliOutput): RunRenderer {
  return {
    onEvent: (event) => writeText(output, jsonLine(event)),
    end: async () => undefined,
  };
}
