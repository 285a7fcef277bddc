import { expect, it } from 'vitest';
import { changedKeys } from '../../../../src/project/live/plan-changes.ts';
import { check, healthy, service, shell } from '../fake-services.ts';
import { sandbox, step } from '../fake-vm.ts';

const PLAN = sandbox('app', [step('build', 'make'), step('lint', 'lint')], {
  env: { MODE: 'a', TOKEN: 'hidden' },
});
const host = { kind: 'host', hostPath: '/p', guestPath: '/w', isReadonly: false } as const;
const secret = { hosts: ['a.test'], headers: [], query: false, allowHttp: false };

it.each([
  ['nothing', PLAN, []],
  ['the image', { ...PLAN, image: { ...PLAN.image, name: 'other' } }, ['image']],
  [
    'memory',
    { ...PLAN, vm: { ...PLAN.vm, memoryBytes: 1, cpus: 9 } },
    ['resources.cpus', 'resources.memory'],
  ],
  [
    'a variable',
    { ...PLAN, vm: { ...PLAN.vm, env: { MODE: 'b', NEW: '' } } },
    ['env.MODE', 'env.TOKEN', 'env.NEW'],
  ],
  ['a volume', { ...PLAN, vm: { ...PLAN.vm, mounts: [host] } }, ['volumes./w']],
  [
    'a step',
    { ...PLAN, steps: [step('build', 'make all'), step('lint', 'lint')] },
    ['steps.build'],
  ],
  ['the order of steps', { ...PLAN, steps: PLAN.steps.toReversed() }, ['steps']],
  [
    'allowed hosts',
    { ...PLAN, network: { ...PLAN.network, allowedHosts: ['a.test'] } },
    ['network.allowed_hosts'],
  ],
  [
    'a secret',
    { ...PLAN, secrets: [{ ...secret, name: 'KEY', from: { kind: 'env', variable: 'K' } }] },
    ['secrets.KEY'],
  ],
  ['what it depends on', { ...PLAN, dependsOn: [healthy('db')] }, ['depends_on']],
  ['a new service', { ...service('app'), steps: PLAN.steps, vm: PLAN.vm }, ['run']],
  ['its profiles only', { ...PLAN, profiles: ['ci'] }, []],
] as const)('changedKeys() names the keys of the project file for %s', (_what, after, keys) => {
  expect(changedKeys(PLAN, after)).toEqual(keys);
});

it('changedKeys() names what differs in a service', () => {
  const before = service('db');
  const after = service('db', {
    command: shell('serve'),
    healthcheck: check('ready'),
    stopGracePeriodMs: 5,
    restart: { when: 'always', maxRestarts: null },
  });
  expect(changedKeys(before, after).toSorted()).toEqual([
    'healthcheck',
    'restart',
    'run',
    'stop_grace_period',
  ]);
});
