import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { resolveDirectories } from '../../../../src/host/directories.ts';
import { MemoryProvider } from '../../../../src/vfs/memory-provider.ts';
import { type ForkedVm, forkVm } from '../../../../src/vm/fork/fork.ts';
import type { GuestNetwork } from '../../../../src/vm/guest-network.ts';
import type { VM } from '../../../../src/vm/vm.ts';
import type { VMOptions } from '../../../../src/vm/vm-options.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

/** A VM that is not there, whose copies remember what they were created with. */
function fakeVm(facts: Partial<ForkedVm> = {}) {
  vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory());
  onTestFinished(() => void vi.unstubAllEnvs());
  const created: VMOptions[] = [];
  const closed: number[] = [];
  const vm: ForkedVm = {
    options: { memory: '64MiB' },
    network: null,
    save: async (directory) => writeFileSync(join(directory, 'saved'), ''),
    create: async (options) => {
      expect(existsSync(join(options.from ?? '', 'saved'))).toBe(true);
      const index = created.push(options) - 1;
      return { close: async () => void closed.push(index) } as unknown as VM;
    },
    ...facts,
  };
  const left = () => {
    const { templates } = resolveDirectories();
    return existsSync(templates) ? readdirSync(templates) : [];
  };
  return { vm, created, closed, left };
}

it('restores as many copies as asked for, and removes what was saved', async () => {
  const { vm, created, left } = fakeVm();
  const signal = new AbortController().signal;
  const options = { hostname: (copy: number) => `copy-${copy}`, sessionLabel: 'copy', signal };
  expect(await forkVm(vm, 3, options)).toHaveLength(3);
  expect(created.map(({ hostname }) => hostname)).toEqual(['copy-0', 'copy-1', 'copy-2']);
  expect(created[0]).toMatchObject({ memory: '64MiB', sessionLabel: 'copy', signal });
  expect(left()).toEqual([]);
});

it('gives a copy the network as it is now, and no signal of the start of its VM', async () => {
  const current = { policy: { allowedHosts: [] }, passthrough: [], secrets: [] };
  const ca = ['a certificate'];
  const { vm, created } = fakeVm({
    options: {
      memory: '64MiB',
      signal: AbortSignal.abort(),
      network: { policy: { allowedHosts: ['api.github.com'] }, ca },
    },
    network: { current } as unknown as GuestNetwork,
  });
  await forkVm(vm, 1, {});
  expect(created[0]?.network).toEqual({ ...current, ca });
  expect(created[0]).not.toHaveProperty('signal');
});

it('closes the other copies when one cannot be restored, and removes what was saved', async () => {
  const { vm, closed, created, left } = fakeVm();
  const create: ForkedVm['create'] = async (options) => {
    if (created.length === 2) throw new Error('cannot be restored');
    return vm.create(options);
  };
  await expect(forkVm({ ...vm, create }, 5, {})).rejects.toThrow('cannot be restored');
  expect(closed.toSorted()).toEqual([0, 1]);
  expect(left()).toEqual([]);
});

it('removes what was saved when the save fails or the signal is aborted', async () => {
  const { vm, created, left } = fakeVm();
  const save = async (directory: string) => {
    writeFileSync(join(directory, 'half'), '');
    throw new Error('disk full');
  };
  await expect(forkVm({ ...vm, save }, 1, {})).rejects.toThrow('disk full');
  await expect(forkVm(vm, 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'VM_START_ABORTED',
  });
  expect(created).toEqual([]);
  expect(left()).toEqual([]);
});

it('wants a count and a provider for each mount, and the memory of all copies', async () => {
  const { vm } = fakeVm();
  await expect(forkVm(vm, 0, {})).rejects.toThrow('count of fork: got 0, want 1 to 256');
  const options = { memory: '64MiB', vfs: { mounts: { '/data': new MemoryProvider() } } };
  await expect(forkVm({ ...vm, options }, 1, {})).rejects.toThrow(
    'option mounts of fork: none for /data',
  );
  await expect(forkVm({ ...vm, options: { memory: '1024GiB' } }, 1, {})).rejects.toMatchObject({
    code: 'VM_NO_MEMORY',
  });
});
