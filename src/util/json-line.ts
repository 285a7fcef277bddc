/** Characters above ASCII that a terminal or a line reader could take for a control or a line end. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

/** Renders a value as one line of JSON, with its line end. */
export function jsonLine(value: unknown): string {
  const escapeCharacter = (character: string) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(value).replace(UNSAFE, escapeCharacter)}\n`;
}
