import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { SwitchedOutput } from '../../../src/cli/project/switched-output.ts';
import { outputOf } from './fake-io.ts';

it('SwitchedOutput passes text on until it is switched off, and then discards it', async () => {
  const { stream, text } = outputOf({ isTTY: true, columns: 42 });
  const output = new SwitchedOutput(stream);
  expect([output.isTTY, output.columns]).toEqual([true, 42]);
  output.write('one ');
  output.write(Buffer.from('two'));
  await output.flush();
  output.switchOff();
  output.write('three');
  await output.flush();
  expect(text()).toBe('one two');
});

it('SwitchedOutput is as slow as its target', async () => {
  const target = new PassThrough({ highWaterMark: 1 });
  const output = new SwitchedOutput(target);
  let isFlushed = false;
  output.write('first');
  output.write('second');
  void output.flush().then(() => {
    isFlushed = true;
  });
  expect(isFlushed).toBe(false);
  target.resume();
  await output.flush();
  expect(isFlushed).toBe(true);
});
