import { expect, it } from 'vitest';
import { CommandOutput } from '../../../../src/vm/image-setup/command-output.ts';

function outputOf(...chunks: (string | Buffer)[]) {
  const lines: string[] = [];
  const output = new CommandOutput((line) => void lines.push(line));
  for (const chunk of chunks) output.write(chunk);
  return { lines, tail: output.tail };
}

it('CommandOutput gives whole lines, and keeps the beginning of one that has no end', () => {
  expect(outputOf('one\ntw', 'o\n\nthree')).toEqual({
    ...{ lines: ['one', 'two'], tail: ['one', 'two', 'three'] },
  });
});

it('CommandOutput keeps the last 20 lines', () => {
  const { tail } = outputOf(Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join(''));
  expect(tail).toHaveLength(20);
  expect(tail.at(-1)).toBe('line 99');
});

it('CommandOutput cuts characters that are split over chunks right', () => {
  const bytes = Buffer.from('grün\n');
  expect(outputOf(bytes.subarray(0, 3), bytes.subarray(3)).lines).toEqual(['grün']);
});

it('CommandOutput makes text of a hostile guest safe to print, and bounds its lines', () => {
  const { lines } = outputOf(
    '\u001b[31mred\u001b[0m\u0007 \u202eflip\n',
    `${'x'.repeat(10_000)}\n`,
  );
  expect(lines[0]).toBe('red\ufffd \ufffdflip');
  expect(lines[1]).toHaveLength(500);
  const { tail } = outputOf(...Array.from({ length: 100 }, () => 'y'.repeat(10_000)));
  expect(tail[0]?.length).toBe(500);
});

it('CommandOutput starts a line over at a carriage return', () => {
  expect(outputOf('10%\r20%\rdone\n').lines).toEqual(['10%', '20%', 'done']);
});
