import { expect, it } from 'vitest';
import {
  MAX_OUTPUT_BYTES,
  MAX_OUTPUT_FILE_BYTES,
  MAX_OUTPUTS,
  parseOutputs,
} from '../../../../src/project/outputs/parse-outputs.ts';

const parse = (text: string) => parseOutputs(Buffer.from(text));

it('parseOutputs reads lines, blocks and empty values, and the last of a name counts', () => {
  const text = 'a=1\r\n\nb=x=y << z\nc<<END\none\n\ntwo=2\nEND\nd=\na=2\n__proto__=p\ne<<X\nX';
  expect(parse(text).outputs).toEqual(
    Object.fromEntries([
      ['a', '2'],
      ['b', 'x=y << z'],
      ['c', 'one\n\ntwo=2'],
      ['d', ''],
      ['__proto__', 'p'],
      ['e', ''],
    ]),
  );
  expect(parse('').outputs).toEqual({});
});

it.each([
  ['a=1\nnonsense', 'line 2: '],
  ['1a=1', 'line 1: '],
  ['a b=1', 'line 1: '],
  [`${'n'.repeat(65)}=1`, 'line 1: '],
  ['a<<\nx', 'line 1: '],
  ['a<<END\nx\nEN', 'line 1: '],
  ['a=x\0y', 'line 1: '],
  [`a=${'x'.repeat(MAX_OUTPUT_BYTES + 1)}`, 'line 1: '],
  ['x'.repeat(MAX_OUTPUT_FILE_BYTES + 1), 'it has more than'],
  [Array.from({ length: MAX_OUTPUTS + 1 }, (_, index) => `v${index}=1`).join('\n'), 'it has more'],
])('parseOutputs refuses %.20s', (text, problem) => {
  expect(parse(text).problem).toMatch(new RegExp(`^${problem}`));
});

it('parseOutputs refuses what is not UTF-8, and repeats nothing of the file', () => {
  expect(parseOutputs(Buffer.from([0x61, 0x3d, 0xff])).problem).toBe('it is not UTF-8');
  expect(parse('hunter2 hunter2').problem).not.toContain('hunter2');
});
