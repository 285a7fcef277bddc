import { expect, it, vi } from 'vitest';
import type { SyncSummary } from '../../../../src/project/copies/sync-trees.ts';
import { SandboxSync } from '../../../../src/watch/session/sandbox-sync.ts';

const DONE: SyncSummary = { files: 1, deleted: 0 };

function start(isStarting = true) {
  const asked: string[][] = [];
  const answers: ((summary: SyncSummary | null | Error) => void)[] = [];
  const onSynced = vi.fn<(summary: SyncSummary) => void>();
  const onFailure = vi.fn<(error: unknown) => void>();
  const sync = new SandboxSync({
    sync: (paths) =>
      new Promise((resolve, reject) => {
        asked.push([...paths]);
        answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      }),
    isStarting: () => isStarting,
    onSynced,
    onFailure,
  });
  const answer = async (summary: SyncSummary | null | Error) => {
    answers.shift()?.(summary);
    await new Promise(setImmediate);
  };
  return { sync, asked, answer, onSynced, onFailure };
}

it('changes during a sync follow it in one more, each path once', async () => {
  const { sync, asked, answer, onSynced } = start();
  sync.add(['a']);
  sync.add(['b', 'c']);
  sync.add(['b']);
  await answer(DONE);
  await answer(DONE);
  expect(asked).toEqual([['a'], ['b', 'c']]);
  expect(onSynced).toHaveBeenCalledTimes(2);
});

it('what changed while the guest started is synced once it is there, unless the run starts again', async () => {
  const { sync, asked, answer } = start();
  sync.add(['a']);
  await answer(null);
  sync.flush();
  await answer(DONE);
  expect(asked).toEqual([['a'], ['a']]);
  sync.add(['b']);
  await answer(null);
  sync.forget();
  sync.flush();
  expect(asked).toHaveLength(3);
});

it('a sandbox that has ended gets nothing: its next run copies everything', async () => {
  const { sync, asked, answer } = start(false);
  sync.add(['a']);
  await answer(null);
  sync.flush();
  await sync.settled();
  expect(asked).toHaveLength(1);
});

it('a failure is reported, and later changes are synced', async () => {
  const { sync, asked, answer, onFailure } = start();
  sync.add(['a']);
  sync.add(['b']);
  await answer(new Error('ENOSPC'));
  expect(onFailure).toHaveBeenCalledOnce();
  await answer(DONE);
  expect(asked).toEqual([['a'], ['b']]);
});
