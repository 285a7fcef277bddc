import { expect, it } from 'vitest';
import type { NetworkPlan, SandboxPlan } from '../../../../src/plan/plan.ts';
import { widenings } from '../../../../src/watch/rules/widening.ts';
import { plan, sandbox, step } from './watched-plan.ts';

const BASE = sandbox([step('unit')]);
const MOUNT = { kind: 'host', hostPath: '/p/src', guestPath: '/w', isReadonly: true } as const;
const PORT = { host: '127.0.0.1', port: 80, guestPort: 80 };
const SECRET = {
  ...{ name: 'T', hosts: ['a.test'], headers: [], query: false, allowHttp: false },
  from: { kind: 'env', variable: 'T' },
} as const;

function network(rest: Partial<NetworkPlan>): SandboxPlan {
  return { ...BASE, network: { ...BASE.network, ...rest } };
}

function vm(rest: Partial<SandboxPlan['vm']>): SandboxPlan {
  return { ...BASE, vm: { ...BASE.vm, ...rest } };
}

/** What the second allows more than the first; the first never allows more than the second. */
it.each<[string, SandboxPlan, SandboxPlan]>([
  ['network.mode: open', BASE, network({ mode: 'open' })],
  ['network.allowed_hosts: a.test', BASE, network({ allowedHosts: ['a.test'] })],
  ['network.denied_hosts: without b.test', network({ deniedHosts: ['b.test'] }), BASE],
  ['network.block_private_ips: false', BASE, network({ blockPrivateIps: false })],
  ['network.allowed_private: db', BASE, network({ allowedPrivate: ['db'] })],
  [
    'network.extra_hosts: x.test at 127.0.0.1:8443',
    BASE,
    network({ extraHosts: [{ name: 'x.test', address: '127.0.0.1', port: 8443 }] }),
  ],
  ['network.passthrough: c.test', BASE, network({ passthrough: ['c.test'] })],
  ['secret T for a.test', BASE, { ...BASE, secrets: [SECRET] }],
  [
    'secret T for b.test',
    { ...BASE, secrets: [SECRET] },
    { ...BASE, secrets: [{ ...SECRET, hosts: ['a.test', 'b.test'] }] },
  ],
  ['volume /p/src at /w, read-only', BASE, vm({ mounts: [MOUNT] })],
  [
    'volume /p/src at /w, writable',
    vm({ mounts: [MOUNT] }),
    vm({ mounts: [{ ...MOUNT, isReadonly: false }] }),
  ],
  [
    'hide: without .env',
    vm({ mounts: [MOUNT], hide: ['.env', '*.pem'] }),
    vm({ mounts: [MOUNT], hide: ['*.pem'] }),
  ],
  ['port 127.0.0.1:80:80', BASE, vm({ ports: [PORT] })],
  ['port 0.0.0.0:80:80', vm({ ports: [PORT] }), vm({ ports: [{ ...PORT, host: '0.0.0.0' }] })],
  ['depends_on: db', BASE, { ...BASE, dependsOn: [{ name: 'db', condition: 'started' }] }],
  ['on_writable_code: warn', BASE, { ...BASE, onWritableCode: 'warn' }],
])('widenings() names %s, and nothing the other way round', (want, before, after) => {
  expect(widenings(plan(before), plan(after))).toContain(`a: ${want}`);
  const back = widenings(plan(after), plan(before));
  expect(back.filter((change) => !change.endsWith('127.0.0.1:80:80'))).toEqual([]);
});

it('widenings() counts rules, scripts, proxies and SSH servers that differ, either way', () => {
  const rules = [{ host: 'a.test', methods: [], paths: [], action: 'deny', reason: '' }] as const;
  const other = network({ rules });
  expect(widenings(plan(BASE), plan(other))).toEqual(['a: network.rules changed']);
  expect(widenings(plan(other), plan(BASE))).toEqual(['a: network.rules changed']);
});

it('widenings() counts all that a new sandbox may do, and nothing of other changes', () => {
  const quiet = { ...BASE, name: 'b' };
  expect(widenings(plan(BASE), plan(BASE, quiet))).toEqual([]);
  const loud = { ...network({ allowedHosts: ['a.test'] }), name: 'b' };
  expect(widenings(plan(BASE), plan(BASE, loud))).toEqual([
    'b: network.mode: allowlist',
    'b: network.allowed_hosts: a.test',
  ]);
  const changed = { ...vm({ cpus: 4, env: { A: '1' } }), steps: [step('other')] };
  expect(widenings(plan(BASE), plan(changed))).toEqual([]);
  expect(widenings(plan(BASE, loud), plan(BASE))).toEqual([]);
});

it('widenings() leaves out what is no longer hidden where there is no volume that shows it', () => {
  expect(widenings(plan(vm({ hide: ['.env'] })), plan(BASE))).toEqual([]);
});
