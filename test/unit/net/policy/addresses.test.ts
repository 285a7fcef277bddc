import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { parseAddress } from '../../../../src/address/ip-address.ts';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import { HostAddresses } from '../../../../src/net/policy/host-addresses.ts';
import type { PolicyOptions } from '../../../../src/net/policy/policy-options.ts';
import { inWords } from '../../../fixtures/net/in-words.ts';

const OPTIONS: PolicyOptions = {
  mode: 'open',
  allowedHosts: [],
  deniedHosts: ['203.0.113.0/24', '8.8.4.4:53', 'bad.test'],
  rules: [],
  blockPrivateIps: true,
  allowedPrivate: [
    'db.internal',
    'wiki.corp.test:443',
    '*.lab.test',
    '10.9.0.0/16',
    '192.168.7.7',
    '169.254.169.254',
    '0.0.0.0/5',
    'fd00::/8',
    '127.0.0.1:9000',
  ],
  extraHosts: [
    { name: 'api.test', address: '127.0.0.1', port: 8443 },
    { name: 'meta.test', address: 'fd00:ec2::254' },
    { name: 'six.test', address: '::1' },
  ],
};
const blocked = compilePolicy(OPTIONS);
const strict = compilePolicy({ ...OPTIONS, allowedPrivate: [], extraHosts: [] });
const unblocked = compilePolicy({
  ...OPTIONS,
  blockPrivateIps: false,
  allowedPrivate: [],
  extraHosts: [],
});
const policies = { blocked, strict, unblocked };

it.each([
  ['blocked', '8.8.8.8', 'a.test', 443, 'a public address'],
  ['blocked', '2606:4700::1', 'a.test', 443, 'a public address'],
  ['blocked', '::ffff:8.8.8.8', 'a.test', 443, 'a public address'],
  ['blocked', '64:ff9b::8.8.8.8', 'a.test', 443, 'a public address'],
  ['blocked', '203.0.113.9', 'a.test', 443, 'denied'],
  ['blocked', '::ffff:203.0.113.9', 'a.test', 443, 'denied'],
  ['blocked', '8.8.4.4', 'a.test', 53, 'denied'],
  ['blocked', '8.8.4.4', 'a.test', 54, 'a public address'],
  ['blocked', '8.8.4.4', 'a.test', 0, 'denied'],
  ['blocked', '10.0.0.1', 'a.test', 443, 'private_address'],
  ['blocked', '10.0.0.1', null, 443, 'private_address'],
  ['blocked', '10.0.0.1', 'db.internal', 443, 'allowed_private: "db.internal"'],
  ['blocked', '10.0.0.1', 'DB.internal.', 443, 'allowed_private: "db.internal"'],
  ['blocked', '127.0.0.1', 'db.internal', 5432, 'allowed_private: "db.internal"'],
  ['blocked', '64:ff9b::10.0.0.1', 'db.internal', 443, 'allowed_private: "db.internal"'],
  ['blocked', 'fc00::1', 'db.internal', 443, 'allowed_private: "db.internal"'],
  ['blocked', '100.64.1.1', 'db.internal', 443, 'allowed_private: "db.internal"'],
  ['blocked', '169.254.1.1', 'db.internal', 443, 'private_address'],
  ['blocked', '224.0.0.1', 'db.internal', 443, 'private_address'],
  ['blocked', '240.0.0.1', 'db.internal', 443, 'private_address'],
  ['blocked', 'fe80::1', 'db.internal', 443, 'private_address'],
  ['blocked', 'fd20:ce::254', 'db.internal', 443, 'private_address'],
  ['blocked', '10.0.0.1', 'x.db.internal', 443, 'private_address'],
  ['blocked', '10.0.0.1', 'wiki.corp.test', 443, 'allowed_private: "wiki.corp.test:443"'],
  ['blocked', '10.0.0.1', 'wiki.corp.test', 80, 'private_address'],
  ['blocked', '10.0.0.1', 'wiki.corp.test', 0, 'private_address'],
  ['blocked', '10.0.0.1', 'a.lab.test', 80, 'allowed_private: "*.lab.test"'],
  ['blocked', '10.0.0.1', 'a.b.lab.test', 80, 'private_address'],
  ['blocked', '10.9.3.4', 'a.test', 80, 'allowed_private: "10.9.0.0/16"'],
  ['blocked', '10.9.3.4', null, 80, 'allowed_private: "10.9.0.0/16"'],
  ['blocked', '::ffff:10.9.3.4', null, 80, 'allowed_private: "10.9.0.0/16"'],
  ['blocked', '64:ff9b::10.9.3.4', null, 80, 'allowed_private: "10.9.0.0/16"'],
  ['blocked', '10.10.3.4', null, 80, 'private_address'],
  ['blocked', '192.168.7.7', 'a.test', 80, 'allowed_private: "192.168.7.7"'],
  ['blocked', '192.168.7.8', 'a.test', 80, 'private_address'],
  ['blocked', '169.254.169.254', 'a.test', 80, 'allowed_private: "169.254.169.254"'],
  ['blocked', '0.0.0.0', 'a.test', 80, 'allowed_private: "0.0.0.0/5"'],
  ['blocked', 'fd12::1', 'a.test', 80, 'allowed_private: "fd00::/8"'],
  ['blocked', 'fd00:ec2::254', 'a.test', 80, 'private_address'],
  ['blocked', 'fd00:ec2::254', 'meta.test', 80, 'extra_hosts: "meta.test"'],
  ['blocked', '127.0.0.1', 'api.test', 8443, 'extra_hosts: "api.test"'],
  ['blocked', '::ffff:127.0.0.1', 'api.test', 8443, 'extra_hosts: "api.test"'],
  ['blocked', '127.0.0.2', 'api.test', 8443, 'private_address'],
  ['blocked', '127.0.0.1', 'other.test', 8443, 'private_address'],
  ['blocked', '::1', 'six.test', 80, 'extra_hosts: "six.test"'],
  ['blocked', '127.0.0.1', null, 9000, 'allowed_private: "127.0.0.1:9000"'],
  ['blocked', '127.0.0.1', null, 9001, 'private_address'],
  ['blocked', '127.1', 'a.test', 80, 'invalid_host'],
  ['blocked', '', 'a.test', 80, 'invalid_host'],
  ['blocked', 'a.test', 'a.test', 80, 'invalid_host'],
  ['blocked', 'fe80::1%eth0', 'a.test', 80, 'invalid_host'],
  ['blocked', '8.8.8.8', 'a b', 80, 'invalid_host'],
  ['strict', '127.0.0.1', 'api.test', 8443, 'private_address'],
  ['strict', '169.254.169.254', null, 80, 'private_address'],
  ['strict', '::', 'a.test', 80, 'private_address'],
  ['strict', '2002:7f00:1::', 'a.test', 80, 'private_address'],
  ['unblocked', '10.0.0.1', 'a.test', 80, 'block_private_ips: false'],
  ['unblocked', '192.168.0.1', null, 80, 'block_private_ips: false'],
  ['unblocked', '127.0.0.1', 'a.test', 80, 'block_private_ips: false'],
  ['unblocked', '::1', 'a.test', 80, 'block_private_ips: false'],
  ['unblocked', 'fd00::1', 'a.test', 80, 'block_private_ips: false'],
  ['unblocked', '100.64.0.1', 'a.test', 80, 'block_private_ips: false'],
  ['unblocked', '169.254.169.254', 'a.test', 80, 'private_address'],
  ['unblocked', '::ffff:169.254.169.254', 'a.test', 80, 'private_address'],
  ['unblocked', '64:ff9b::a9fe:a9fe', 'a.test', 80, 'private_address'],
  ['unblocked', '224.0.0.1', 'a.test', 80, 'private_address'],
  ['unblocked', '0.0.0.0', 'a.test', 80, 'private_address'],
  ['unblocked', 'fe80::1', 'a.test', 80, 'private_address'],
  ['unblocked', '203.0.113.9', 'a.test', 80, 'denied'],
] as const)(
  'with private addresses %s, decideAddress(%j, %j, %d) is %s',
  (which, address, name, port, want) => {
    const verdict = policies[which].decideAddress(address, name, port);
    expect(verdict.isAllowed ? verdict.rule : verdict.reason).toBe(want);
  },
);

it.each([
  ['10.0.0.1', 'a.test', 'allowed_private: ["a.test"]'],
  ['10.0.0.1', null, 'allowed_private: ["10.0.0.1"]'],
  ['::ffff:127.0.0.1', null, 'allowed_private: ["127.0.0.1"]'],
  ['64:ff9b::10.0.0.1', 'a.test', 'allowed_private: ["a.test"]'],
  ['ff02::1', 'a.test', 'allowed_private: ["ff02::1"]'],
])('a refused address %s for %j suggests a line that opens it', (address, name, want) => {
  expect(inWords(strict.decideAddress(address, name))).toMatchObject({
    reason: 'private_address',
    suggestion: want,
  });
  const entry = /"([^"]+)"/.exec(want)?.[1] ?? '';
  const healed = compilePolicy({ ...OPTIONS, allowedPrivate: [entry], extraHosts: [] });
  expect(healed.decideAddress(address, name, 443).isAllowed).toBe(true);
});

it.each([
  ['169.254.169.254', 'a.test'],
  ['169.254.169.254', null],
  ['64:ff9b::169.254.169.254', 'a.test'],
  ['fd00:ec2::254', 'a.test'],
  ['100.100.100.200', null],
])('decideAddress() suggests nothing for the metadata address %s of %j', (address, name) => {
  expect(inWords(strict.decideAddress(address, name))).toMatchObject({
    reason: 'private_address',
    suggestion: '',
  });
  const denying = compilePolicy({ ...OPTIONS, deniedHosts: ['0.0.0.0/0', '::/0'] });
  expect(denying.decideAddress(address, name)).toMatchObject({ reason: 'denied', suggest: null });
  expect(
    denying.decideConnection({ name: null, address, port: 80, transport: 'http' }),
  ).toMatchObject({ reason: 'denied', suggest: null });
});

it('decideAddress() names the range in its rule', () => {
  expect(inWords(strict.decideAddress('169.254.169.254', 'a.test'))).toMatchObject({
    rule: 'block_private_ips: metadata (169.254.169.254)',
  });
  expect(inWords(strict.decideAddress('::ffff:10.1.2.3', 'a.test'))).toMatchObject({
    rule: 'block_private_ips: private (10.0.0.0/8)',
  });
});

it.each(['*', '**', '.*', '*:8443', '127.1', 'http://a.test', '10.0.0.1/8'])(
  'allowed_private refuses %j',
  (entry) => {
    expect(() => compilePolicy({ ...OPTIONS, allowedPrivate: [entry] })).toThrow(
      expect.objectContaining({
        code: 'NET_PATTERN_INVALID',
        details: expect.objectContaining({ field: 'allowed_private' }),
      }),
    );
  },
);

it.each([
  { name: '*.test', address: '127.0.0.1' },
  { name: 'a b', address: '127.0.0.1' },
  { name: '127.0.0.1', address: '127.0.0.1' },
  { name: 'a.test', address: '127.1' },
  { name: 'a.test', address: 'b.test' },
  { name: 'a.test', address: '[::1]' },
  { name: 'a.test', address: '127.0.0.1', port: 0 },
  { name: 'a.test', address: '127.0.0.1', port: 65_536 },
  { name: 'a.test', address: '127.0.0.1', port: 1.5 },
])('extra_hosts refuses %j', (extra) => {
  expect(() => compilePolicy({ ...OPTIONS, extraHosts: [extra] })).toThrow(
    expect.objectContaining({
      code: 'NET_PATTERN_INVALID',
      details: expect.objectContaining({ field: 'extra_hosts' }),
    }),
  );
});

it('extra_hosts refuses a name given twice, in any spelling', () => {
  const extraHosts = [
    { name: 'a.test', address: '127.0.0.1' },
    { name: 'A.test.', address: '127.0.0.2' },
  ];
  expect(() => compilePolicy({ ...OPTIONS, extraHosts })).toThrow(/twice/);
});

it.each<[string, number | undefined, readonly string[], number, boolean]>([
  ['a web port', undefined, [], 443, true],
  ['another port', undefined, [], 5432, false],
  ['its own port', 8443, [], 8443, true],
  ['a port beside its own', 8443, [], 22, false],
  ['a port that allowed_hosts names', undefined, ['local.test:5432/tcp'], 5432, true],
  ['a port that allowed_hosts names for another host', undefined, ['b.test:5432/tcp'], 5432, false],
])(
  'decideAddress() in mode open lets extra_hosts open %s or not',
  (_what, own, allowedHosts, port, isOpen) => {
    const extra = { name: 'local.test', address: '127.0.0.1' };
    const policy = compilePolicy({
      ...OPTIONS,
      mode: 'open',
      allowedHosts,
      allowedPrivate: [],
      extraHosts: [own === undefined ? extra : { ...extra, port: own }],
    });
    expect(policy.decideAddress('127.0.0.1', 'local.test', port).isAllowed).toBe(isOpen);
  },
);

function interfaces(...cidrs: string[]) {
  return {
    eth0: cidrs.map((cidr): NetworkInterfaceInfo => {
      const [address = ''] = cidr.split('/');
      const rest = { netmask: '', mac: '', internal: false, cidr };
      return address.includes(':')
        ? { ...rest, address, family: 'IPv6', scopeid: 0 }
        : { ...rest, address, family: 'IPv4' };
    }),
  };
}

it.each<[string, string | null, string]>([
  ['2a01:4f8:1:2::7', null, 'loopback'],
  ['2a01:4f8:1:2::8', null, 'on-link'],
  ['2a01:4f8:1:3::8', null, 'public'],
  ['5.9.1.7', null, 'loopback'],
  ['::ffff:5.9.1.7', null, 'loopback'],
  ['64:ff9b::5.9.1.7', null, 'loopback'],
  ['5.9.1.8', null, 'on-link'],
  ['5.9.2.8', null, 'public'],
  ['2a01:4f8:1:2::7', 'own.test', 'loopback'],
  ['8.8.8.8', null, 'public'],
])("decideAddress(%s, %j) knows this machine's own networks: %s", (address, name, want) => {
  const hostAddresses = new HostAddresses(() =>
    interfaces('2a01:4f8:1:2::7/64', '5.9.1.7/24', '8.8.8.1/0'),
  );
  const policy = compilePolicy({ ...OPTIONS, allowedPrivate: [] }, { hostAddresses });
  const verdict = policy.decideAddress(address, name, 443);
  expect(verdict.isAllowed).toBe(want === 'public');
  if (!verdict.isAllowed) expect(inWords(verdict).rule).toContain(want);
  const opened = compilePolicy(
    { ...OPTIONS, allowedPrivate: ['own.test', '5.9.1.0/24'] },
    { hostAddresses },
  );
  const isOpened = want === 'public' || name !== null || address.includes('5.9.1.');
  expect(opened.decideAddress(address, name, 443).isAllowed).toBe(isOpened);
});

it('HostAddresses reads the interfaces again when they are old', () => {
  let nowMs = 0;
  let cidr = '5.9.1.7/24';
  const addresses = new HostAddresses(
    () => interfaces(cidr),
    () => nowMs,
  );
  const findRange = (text: string) => {
    const address = parseAddress(text);
    return address && (addresses.findRange(address)?.name ?? null);
  };
  expect(findRange('5.9.1.7')).toBe('loopback');
  cidr = '6.9.1.7/24';
  expect([findRange('5.9.1.7'), findRange('6.9.1.7')]).toEqual(['loopback', null]);
  nowMs = 2_001;
  expect([findRange('5.9.1.7'), findRange('6.9.1.7'), findRange('6.9.1.8')]).toEqual([
    null,
    'loopback',
    'on-link',
  ]);
});

it.each(['203.0.113.9', '::ffff:203.0.113.9', '64:ff9b::203.0.113.9'])(
  'a block of denied_hosts covers %s, dialled by name or as it is',
  (address) => {
    const policy = compilePolicy({
      ...OPTIONS,
      deniedHosts: ['203.0.113.0/24'],
      allowedPrivate: ['203.0.113.0/24'],
    });
    expect(policy.decideAddress(address, 'a.test', 443)).toMatchObject({ reason: 'denied' });
    const asked = policy.decideConnection({ name: null, address, port: 443, transport: 'https' });
    expect(asked).toMatchObject({ reason: 'denied' });
  },
);
