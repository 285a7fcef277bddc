import { resolve } from 'node:path';
import { ReadonlyProvider, VM } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';

const PROGRAMS = resolve(import.meta.dirname, '../../guest/build/test');

// The half minute that a silent agent has is waited for.
it('an agent that root has stopped holds nobody up, and its VM is ended', async () => {
  const vm = await VM.create({ vfs: { mounts: { '/programs': new ReadonlyProvider(PROGRAMS) } } });
  onTestFinished(() => vm.close());
  const proc = vm.exec(['/programs/stall', 'agent'], { timeoutMs: 2_000 });
  await expect(proc).rejects.toMatchObject({ code: 'VM_EXEC_TIMEOUT' });
  expect(await vm.ended).toMatchObject({
    code: 'VM_KILL_FAILED',
    cause: { code: 'AGENT_TIMEOUT' },
  });
});
