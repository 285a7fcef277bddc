import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ReadonlyProvider, VM } from '../../src/index.ts';

const PROGRAMS = resolve(import.meta.dirname, '../../guest/build/test');

const ATTACKS = [
  ['control', 'random'],
  ['control', 'oversize'],
  ['control', 'badtype'],
  ['control', 'badstream'],
  ['control', 'credit'],
  ['control', 'truncated-message'],
  ['fs', 'random'],
  ['fs', 'oversize'],
] as const;

let bystander: VM;

beforeAll(async () => {
  bystander = await VM.create();
});

afterAll(() => bystander.close());

it.each(ATTACKS)(
  'a guest that attacks its %s channel with %s is reset; the host and other VMs go on',
  async (...attack) => {
    const vm = await VM.create({ vfs: { mounts: { '/attack': new ReadonlyProvider(PROGRAMS) } } });
    try {
      const proc = vm.exec(['/attack/hostile', ...attack], { timeoutMs: 30_000 });
      await expect(proc).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
      expect(await vm.ended).toMatchObject({ code: 'GUEST_PROTOCOL' });
    } finally {
      await vm.close();
    }
    expect((await bystander.exec('echo fine')).stdout).toBe('fine\n');
  },
);
