import { stripVTControlCharacters } from 'node:util';

/** Returns each line as it stood at last: a progress bar that redraws itself by carriage returns leaves its end. */
export function collapseRedraws(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(/^[^\n]*\r(?=[^\n])/gm, '');
}

/** Returns the output of a guest as plain text: without escape sequences, redraws and control characters. */
export function plainOutput(text: string): string {
  const lines = stripVTControlCharacters(collapseRedraws(text));
  return lines.replaceAll(/[^\P{Cc}\t\n]|\p{Cs}|[\ufffe\uffff]/gu, '');
}
