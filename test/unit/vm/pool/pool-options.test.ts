import { expect, it } from 'vitest';
import { checkMemory, vmsThatFit } from '../../../../src/vm/pool/memory-limit.ts';
import {
  type AcquireOptions,
  checkPoolOptions,
  mergeOptions,
  type PoolOptions,
} from '../../../../src/vm/pool/pool-options.ts';
import { VM } from '../../../../src/vm/vm.ts';

const MIB = 2 ** 20;

it('a VM has what acquire() says, else what the pool says, and the variables and memory mounts of both', () => {
  const network = { policy: { allowedHosts: ['api.github.com'] } };
  const pool: PoolOptions = {
    ...{ size: 2, maxVms: 3, memory: '256MiB', hostname: 'pooled', network },
    env: { A: 'pool', B: 'pool' },
    vfs: { memory: { '/one': { sizeBytes: MIB } } },
  };
  const own: AcquireOptions = {
    env: { B: 'own' },
    hostname: 'own',
    vfs: { memory: { '/two': { sizeBytes: MIB } } },
  };
  expect(mergeOptions(pool, own)).toEqual({
    ...{ memory: '256MiB', hostname: 'own', network },
    env: { A: 'pool', B: 'own' },
    vfs: { memory: { '/one': { sizeBytes: MIB }, '/two': { sizeBytes: MIB } } },
  });
});

it('a network given to acquire() replaces that of the pool in either form', () => {
  const pooled = { policy: { allowedHosts: ['api.github.com'] } };
  const network = { policy: { allowedHosts: ['registry.example.com'] } };
  expect(mergeOptions({ size: 1, network: pooled }, { network }).network).toBe(network);
});

it.each([
  [{ size: 0 }, 'option size: got 0, want a whole number from 1 to 256'],
  [{ size: 2, maxVms: 1 }, 'option maxVms: got 1'],
  [{ size: 1, acquireTimeoutMs: 2 ** 31 }, 'option acquireTimeoutMs'],
  [{ size: 1, warmUp: [''] }, 'option warmUp'],
  [{ size: 1, from: '/saved' }, 'option from: VM.pool() has none'],
  [{ size: 1, vfs: { mounts: {} } }, 'option vfs.mounts: give it to acquire()'],
])('checkPoolOptions(%j) says %s', (options, message) => {
  expect(() => checkPoolOptions(options as PoolOptions)).toThrow(
    expect.objectContaining({ code: 'VM_BAD_OPTION', message: expect.stringContaining(message) }),
  );
});

it('acquire() refuses what a waiting machine cannot change', () => {
  const own = { memory: '1GiB' } as AcquireOptions;
  expect(() => mergeOptions({ size: 1 }, own)).toThrow('option memory: pass it to VM.pool()');
});

it('counts the VMs that fit if each grows to its memory, and keeps 256 MiB for the host', () => {
  expect(vmsThatFit(512 * MIB, 1_280 * MIB)).toBe(2);
  expect(vmsThatFit(512 * MIB, 100 * MIB)).toBe(0);
  checkMemory(2, 512 * MIB, 1_280 * MIB);
  expect(() => checkMemory(3, 512 * MIB, 1_280 * MIB)).toThrow(
    '3 more VMs of 512 MiB may need 1792 MiB of memory, the host has 1280 MiB',
  );
});

it('VM.pool() refuses at once a size that the host has no memory for', () => {
  expect(() => VM.pool({ size: 256, memory: '1024GiB' })).toThrow(
    expect.objectContaining({ code: 'VM_NO_MEMORY' }),
  );
});
