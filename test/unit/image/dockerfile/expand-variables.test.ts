import { expect, it } from 'vitest';
import { expandVariables } from '../../../../src/image/dockerfile/expand-variables.ts';

const values = new Map([
  ['A', 'one'],
  ['EMPTY', ''],
]);

it.each([
  ['$A-${A}', 'one-one'],
  ['$NONE.', '.'],
  ['${NONE:-two}${NONE-three}', 'twothree'],
  ['${EMPTY:-two}[${EMPTY-two}]', 'two[]'],
  ['${A:+yes}${EMPTY:+yes}${EMPTY+set}', 'yesset'],
  ['${NONE:-$A}', 'one'],
  [String.raw`\$A \\`, '$A \\'],
  ['$ ${', '$ ${'],
])('expandVariables() reads %s', (text, expected) => {
  expect(expandVariables(text, values)).toBe(expected);
});
