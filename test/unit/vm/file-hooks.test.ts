import { expect, it } from 'vitest';
import type { VfsHookContext } from '../../../src/vfs/hooks/vfs-hooks.ts';
import { fileHooks } from '../../../src/vm/file-hooks.ts';

const NO_LOG = () => undefined;

it('fileHooks() gives nothing without hooks', () => {
  expect(fileHooks({}, NO_LOG)).toEqual({});
  expect(fileHooks({ vfs: { mounts: {} } }, NO_LOG)).toEqual({});
});

it('fileHooks() calls the methods of an object of a class as its methods', async () => {
  class Recorder {
    readonly seen: string[] = [];
    before({ path }: VfsHookContext): void {
      this.seen.push(path);
    }
  }
  const recorder = new Recorder();
  const { hooks } = fileHooks({ vfs: { hooks: recorder } }, NO_LOG);
  await hooks?.before?.({ op: 'stat', path: '/data' });
  expect(recorder.seen).toEqual(['/data']);
  expect(hooks?.after).toBeUndefined();
});

it('fileHooks() logs all that hooks throw, and warns of the first mistake of each', () => {
  const [logged, warned]: [string[], string[]] = [[], []];
  const { onHookFault } = fileHooks(
    { vfs: { hooks: {} }, onWarning: (line) => warned.push(line) },
    (...line) => logged.push(line.join(': ')),
  );
  onHookFault?.('before', '/a: no', true);
  onHookFault?.('before', '/b: not a function', false);
  onHookFault?.('before', '/c: not a function', false);
  onHookFault?.('after', '/d: no', false);
  expect(logged).toHaveLength(4);
  expect(logged[0]).toBe('vfs: hook before: /a: no');
  expect(warned).toEqual([
    'vfs.hooks.before failed: /b: not a function',
    'vfs.hooks.after failed: /d: no',
  ]);
});
