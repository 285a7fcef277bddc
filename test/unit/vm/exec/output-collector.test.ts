import { PassThrough, Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { OutputCollector } from '../../../../src/vm/exec/output-collector.ts';

it('a collector gives all bytes of a stream once it ends', async () => {
  const collector = new OutputCollector('stdout', 100);
  await collector.read(Readable.from([Buffer.from('one '), Buffer.from('two')]));
  expect(String(await collector.bytes)).toBe('one two');
});

it('an output without a stream is empty', async () => {
  const collector = new OutputCollector('stderr', 100);
  collector.end();
  expect(await collector.bytes).toHaveLength(0);
});

it('an output above the limit is refused, and its stream destroyed', async () => {
  const collector = new OutputCollector('stdout', 7);
  const source = new PassThrough();
  const read = collector.read(source);
  source.write('1234567');
  source.write('8');
  await read;
  expect(source.destroyed).toBe(true);
  await expect(collector.bytes).rejects.toMatchObject({ code: 'VM_OUTPUT_TOO_LARGE' });
});

it.each([
  { name: 'with an error', error: new Error('reset'), want: { message: 'reset' } },
  { name: 'without one', error: undefined, want: { code: 'MUX_CLOSED' } },
])('a stream that breaks $name breaks the output, also before it is read', async (broken) => {
  for (const isEarly of [true, false]) {
    const collector = new OutputCollector('stdout', 100);
    const source = new PassThrough();
    source.on('error', () => undefined);
    if (isEarly) source.destroy(broken.error);
    const read = collector.read(source);
    source.write('lost', () => undefined);
    source.destroy(broken.error);
    await read;
    await expect(collector.bytes).rejects.toMatchObject(broken.want);
  }
});
