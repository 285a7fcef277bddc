import { expect, it } from 'vitest';
import { applyUpdate } from '../../../../src/net/live/apply-update.ts';
import {
  type NetworkDefinition,
  toDefinition,
  toNetworkPolicy,
} from '../../../../src/net/live/network-definition.ts';
import type { NetworkUpdate } from '../../../../src/net/live/network-update.ts';
import { SecretValue } from '../../../../src/net/secret/secret-value.ts';

const BEFORE: NetworkDefinition = toDefinition({
  policy: { allowedHosts: ['a.test'], deniedHosts: ['d.test'] },
  passthrough: ['p.test'],
  secrets: [{ name: 'TOKEN', hosts: ['a.test'], value: new SecretValue('first-value') }],
});

function secretOf({ secrets }: NetworkDefinition, name: string) {
  const secret = secrets.find((one) => one.name === name);
  const formerValues = secret?.formerValues?.map((value) => value.reveal());
  return { ...secret, value: secret?.value.reveal(), formerValues };
}

it('applyUpdate() replaces the lists that are given and keeps the others', () => {
  const after = applyUpdate(BEFORE, { allowedHosts: ['b.test'], deniedHosts: undefined as never });
  expect(after.policy).toEqual({ ...BEFORE.policy, allowedHosts: ['b.test'] });
  expect(after.passthrough).toEqual(['p.test']);
  expect(after.secrets).toEqual(BEFORE.secrets);
  expect(BEFORE.policy.allowedHosts).toEqual(['a.test']);
});

it('applyUpdate() keeps nothing that its caller can change later', () => {
  const hosts = ['b.test'];
  const after = applyUpdate(BEFORE, {
    allowedHosts: hosts,
    rules: [{ host: 'b.test', action: 'deny' }],
  });
  hosts.push('*');
  expect(after.policy.allowedHosts).toEqual(['b.test']);
});

it('applyUpdate() adds, rotates, revokes and brings back secrets', () => {
  const added = applyUpdate(BEFORE, {
    secrets: { NEW: { value: 'new-value', hosts: ['n.test'] } },
  });
  expect(secretOf(added, 'NEW')).toMatchObject({ value: 'new-value', hosts: ['n.test'] });
  const rotated = applyUpdate(added, { secrets: { TOKEN: { value: 'second-value' } } });
  expect(secretOf(rotated, 'TOKEN')).toMatchObject({
    value: 'second-value',
    hosts: ['a.test'],
    formerValues: ['first-value'],
  });
  const revoked = applyUpdate(rotated, { secrets: { TOKEN: null } });
  expect(secretOf(revoked, 'TOKEN')).toMatchObject({ isRevoked: true, value: 'second-value' });
  expect(toNetworkPolicy(revoked).secrets.map(({ name }) => name)).toEqual(['NEW']);
  const again = { TOKEN: { value: 'third-value', hosts: ['c.test'] } };
  expect(secretOf(applyUpdate(revoked, { secrets: again }), 'TOKEN')).toMatchObject({
    isRevoked: false,
    hosts: ['c.test'],
    formerValues: ['second-value', 'first-value'],
  });
});

it('applyUpdate() remembers eight earlier values of a secret', () => {
  const values = Array.from({ length: 12 }, (_, at) => `value-${at}`);
  const last = values.reduce(
    (now, value) => applyUpdate(now, { secrets: { TOKEN: { value } } }),
    BEFORE,
  );
  expect(secretOf(last, 'TOKEN').formerValues).toEqual(values.slice(3, 11).toReversed());
});

it.each([
  [{ allowedHost: [] }, 'allowedHost'],
  [{ allowedHosts: 'a.test' }, 'allowedHosts'],
  [{ mode: 'closed' }, 'mode'],
  [{ blockPrivateIps: 'no' }, 'blockPrivateIps'],
  [{ rules: ['a.test'] }, 'rules'],
  [{ toString: 1 }, 'toString'],
  [{ secrets: [] }, 'secrets'],
  [{ secrets: { GONE: null } }, 'secrets.GONE'],
  [{ secrets: { NEW: { value: 'hunter22' } } }, 'secrets.NEW.hosts'],
  [{ secrets: { NEW: { hosts: ['a.test'] } } }, 'secrets.NEW.value'],
  [{ secrets: { TOKEN: { value: 5 } } }, 'secrets.TOKEN.value'],
  [{ secrets: { TOKEN: 'hunter22' } }, 'secrets.TOKEN'],
  [{ secrets: { TOKEN: { values: 'hunter22' } } }, 'secrets.TOKEN.values'],
  [null, 'its argument'],
])('applyUpdate() refuses %j and names the field', (update, field) => {
  const act = () => applyUpdate(BEFORE, update as unknown as NetworkUpdate);
  expect(act).toThrow(expect.objectContaining({ code: 'NET_UPDATE_INVALID', details: { field } }));
  expect(act).not.toThrow(/hunter22/);
});

it('toNetworkPolicy() is frozen and shows no value', () => {
  const policy = toNetworkPolicy(BEFORE);
  expect(JSON.stringify(policy)).not.toContain('first-value');
  expect(() => (policy.allowedHosts as string[]).push('*')).toThrow(TypeError);
  expect(policy.secrets).toEqual([
    { name: 'TOKEN', hosts: ['a.test'], headers: [], query: false, allowHttp: false },
  ]);
});
