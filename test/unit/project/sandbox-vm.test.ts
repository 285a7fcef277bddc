import { expect, it } from 'vitest';
import type { MountPlan } from '../../../src/plan/plan.ts';
import { memoryOf } from '../../../src/project/sandbox-vm.ts';
import { sandbox } from './fake-vm.ts';

const cache: MountPlan = { kind: 'memory', guestPath: '/workspace/cache', sizeBytes: 4096 };
const source: MountPlan = {
  kind: 'host',
  hostPath: '/project',
  guestPath: '/workspace',
  isReadonly: false,
};
const half = 256 * 2 ** 20;

it.each([
  [
    'makes a default workspace that no volume covers',
    [],
    {},
    { '/workspace': { sizeBytes: half } },
  ],
  [
    'makes it also when volumes lie below it',
    [cache],
    {},
    { '/workspace/cache': { sizeBytes: 4096 }, '/workspace': { sizeBytes: half } },
  ],
  ['leaves a workspace that is a volume alone', [source], {}, {}],
  ['leaves a workspace of the image alone', [], { workspace: '/usr/src' }, {}],
] as const)('memoryOf() %s', (_name, mounts, vm, want) => {
  expect(memoryOf(sandbox('a', [], { mounts, ...vm }).vm)).toEqual(want);
});
