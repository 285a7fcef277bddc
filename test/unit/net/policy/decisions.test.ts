import { expect, it } from 'vitest';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import type { PolicyMode, PolicyOptions } from '../../../../src/net/policy/policy-options.ts';
import type { JudgedTransport } from '../../../../src/net/transport.ts';
import { inWords } from '../../../fixtures/net/in-words.ts';

/** One policy for the whole table: every list of gondolin.yaml has an entry. */
const OPTIONS: Required<PolicyOptions> = {
  mode: 'allowlist',
  allowedHosts: [
    'api.example.com',
    '*.cdn.example.com',
    '**.deep.example.com',
    'web.example.com:8443',
    'any.example.com:*',
    'db.internal:5432/tcp',
    'both.example.com:22/tcp',
    'both.example.com',
    'stats.example.com',
    '192.0.2.7',
    '198.51.100.0/24:22/tcp',
    '[2001:db8::7]:8443',
    'wiki.corp.test',
  ],
  deniedHosts: [
    'stats.example.com',
    '*.ads.test',
    'api.example.com:8080',
    'any.example.com:25',
    '203.0.113.0/24',
  ],
  rules: [],
  blockPrivateIps: true,
  allowedPrivate: ['db.internal', 'wiki.corp.test:443', '10.9.0.0/16', '169.254.169.254'],
  extraHosts: [
    { name: 'api.test', address: '127.0.0.1', port: 8443 },
    { name: 'plain.test', address: '10.1.2.3' },
    { name: 'x.ads.test', address: '127.0.0.1' },
  ],
};

type Row = readonly [
  host: string,
  port: number,
  transport: JudgedTransport,
  mode: PolicyMode,
  want: string,
];

// Order: 1 mode none, 2 denied_hosts, 3 mode open, 4 extra_hosts, 5 allowed_hosts. `want` is the rule that allows, or the
// reason that refuses with its rule.
const ROWS: readonly Row[] = [
  ['api.example.com', 443, 'https', 'none', 'mode_none | mode: none (asked for api.example.com)'],
  ['api.test', 443, 'https', 'none', 'mode_none | mode: none (asked for api.test)'],
  [
    'stats.example.com',
    443,
    'https',
    'none',
    'mode_none | mode: none (asked for stats.example.com)',
  ],
  ['192.0.2.7', 443, 'https', 'none', 'mode_none | mode: none (asked for 192.0.2.7)'],
  ['db.internal', 5432, 'tcp', 'none', 'mode_none | mode: none (asked for db.internal)'],
  ['not a host', 443, 'https', 'none', 'invalid_host | host name or port'],
  ['stats.example.com', 443, 'https', 'allowlist', 'denied | denied_hosts: "stats.example.com"'],
  ['STATS.example.com.', 443, 'https', 'allowlist', 'denied | denied_hosts: "stats.example.com"'],
  ['stats.example.com', 22, 'tcp', 'allowlist', 'denied | denied_hosts: "stats.example.com"'],
  ['stats.example.com', 443, 'https', 'open', 'denied | denied_hosts: "stats.example.com"'],
  ['x.stats.example.com', 443, 'https', 'open', 'mode: open'],
  ['a.ads.test', 443, 'https', 'open', 'denied | denied_hosts: "*.ads.test"'],
  ['a.b.ads.test', 443, 'https', 'open', 'denied | denied_hosts: "*.ads.test"'],
  ['ads.test', 443, 'https', 'open', 'mode: open'],
  ['x.ads.test', 443, 'https', 'allowlist', 'denied | denied_hosts: "*.ads.test"'],
  ['api.example.com', 8080, 'http', 'open', 'denied | denied_hosts: "api.example.com:8080"'],
  ['api.example.com', 8080, 'tcp', 'open', 'denied | denied_hosts: "api.example.com:8080"'],
  ['api.example.com', 8081, 'http', 'open', 'mode: open'],
  ['203.0.113.9', 443, 'https', 'open', 'denied | denied_hosts: "203.0.113.0/24"'],
  ['::ffff:203.0.113.9', 443, 'https', 'open', 'denied | denied_hosts: "203.0.113.0/24"'],
  ['3405803785', 443, 'https', 'open', 'denied | denied_hosts: "203.0.113.0/24"'],
  ['anything.at.all', 443, 'https', 'open', 'mode: open'],
  ['anything.at.all', 22, 'tcp', 'open', 'mode: open'],
  ['8.8.8.8', 12345, 'tcp', 'open', 'mode: open'],
  ['api.test', 443, 'https', 'allowlist', 'extra_hosts: "api.test"'],
  ['api.test', 80, 'http', 'allowlist', 'extra_hosts: "api.test"'],
  ['api.test', 9999, 'http', 'allowlist', 'extra_hosts: "api.test"'],
  ['API.TEST', 443, 'https', 'allowlist', 'extra_hosts: "api.test"'],
  ['x.api.test', 443, 'https', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  ['api.test', 22, 'tcp', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  ['plain.test', 443, 'https', 'allowlist', 'extra_hosts: "plain.test"'],
  ['plain.test', 80, 'http', 'allowlist', 'extra_hosts: "plain.test"'],
  ['plain.test', 8080, 'http', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  ['api.example.com', 443, 'https', 'allowlist', 'allowed_hosts: "api.example.com"'],
  ['api.example.com', 80, 'http', 'allowlist', 'allowed_hosts: "api.example.com"'],
  ['api.example.com', 443, 'http', 'allowlist', 'allowed_hosts: "api.example.com"'],
  ['API.EXAMPLE.COM.', 443, 'https', 'allowlist', 'allowed_hosts: "api.example.com"'],
  [
    'api.example.com',
    8443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: "api.example.com" does not cover https on port 8443',
  ],
  [
    'api.example.com',
    443,
    'tcp',
    'allowlist',
    'not_allowed | allowed_hosts: "api.example.com" does not cover raw TCP on port 443',
  ],
  [
    'api.example.com',
    22,
    'tcp',
    'allowlist',
    'not_allowed | allowed_hosts: "api.example.com" does not cover raw TCP on port 22',
  ],
  ['api.example.com', 0, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['api.example.com', 65536, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['api.example.com', 1.5, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['api.example.com', Number.NaN, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['example.com', 443, 'https', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  [
    'a.api.example.com',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it',
  ],
  [
    'api.example.com.evil.test',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it',
  ],
  [
    'evilapi.example.com',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it',
  ],
  ['a.cdn.example.com', 443, 'https', 'allowlist', 'allowed_hosts: "*.cdn.example.com"'],
  ['cdn.example.com', 443, 'https', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  [
    'a.b.cdn.example.com',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it',
  ],
  [
    'xcdn.example.com',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it',
  ],
  ['a.deep.example.com', 443, 'https', 'allowlist', 'allowed_hosts: "**.deep.example.com"'],
  ['a.b.deep.example.com', 443, 'https', 'allowlist', 'allowed_hosts: "**.deep.example.com"'],
  [
    'deep.example.com',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it',
  ],
  ['web.example.com', 8443, 'https', 'allowlist', 'allowed_hosts: "web.example.com:8443"'],
  ['web.example.com', 8443, 'http', 'allowlist', 'allowed_hosts: "web.example.com:8443"'],
  [
    'web.example.com',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: "web.example.com:8443" does not cover https on port 443',
  ],
  ['any.example.com', 12345, 'http', 'allowlist', 'allowed_hosts: "any.example.com:*"'],
  ['any.example.com', 25, 'http', 'allowlist', 'denied | denied_hosts: "any.example.com:25"'],
  [
    'any.example.com',
    12345,
    'tcp',
    'allowlist',
    'not_allowed | allowed_hosts: "any.example.com:*" does not cover raw TCP on port 12345',
  ],
  ['db.internal', 5432, 'tcp', 'allowlist', 'allowed_hosts: "db.internal:5432/tcp"'],
  [
    'db.internal',
    5433,
    'tcp',
    'allowlist',
    'not_allowed | allowed_hosts: "db.internal:5432/tcp" does not cover raw TCP on port 5433',
  ],
  [
    'db.internal',
    5432,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: "db.internal:5432/tcp" does not cover https on port 5432',
  ],
  [
    'db.internal',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: "db.internal:5432/tcp" does not cover https on port 443',
  ],
  ['both.example.com', 22, 'tcp', 'allowlist', 'allowed_hosts: "both.example.com:22/tcp"'],
  ['both.example.com', 443, 'https', 'allowlist', 'allowed_hosts: "both.example.com"'],
  [
    'both.example.com',
    23,
    'tcp',
    'allowlist',
    'not_allowed | allowed_hosts: "both.example.com:22/tcp", "both.example.com" does not cover raw TCP on port 23',
  ],
  ['192.0.2.7', 443, 'https', 'allowlist', 'allowed_hosts: "192.0.2.7"'],
  ['::ffff:192.0.2.7', 80, 'http', 'allowlist', 'allowed_hosts: "192.0.2.7"'],
  ['0xc0000207', 80, 'http', 'allowlist', 'allowed_hosts: "192.0.2.7"'],
  ['1.2.3.4', 443, 'https', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  [
    '192.0.2.8',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it; block_private_ips: documentation (192.0.2.0/24)',
  ],
  ['10.9.0.1', 443, 'https', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  ['198.51.100.20', 22, 'tcp', 'allowlist', 'allowed_hosts: "198.51.100.0/24:22/tcp"'],
  ['198.51.101.20', 22, 'tcp', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  ['2001:db8::7', 8443, 'https', 'allowlist', 'allowed_hosts: "[2001:db8::7]:8443"'],
  ['[2001:DB8:0:0::7]', 8443, 'https', 'allowlist', 'allowed_hosts: "[2001:db8::7]:8443"'],
  [
    '2001:db8::7',
    443,
    'https',
    'allowlist',
    'not_allowed | allowed_hosts: "[2001:db8::7]:8443" does not cover https on port 443; block_private_ips: documentation (2001:db8::/32)',
  ],
  [
    '127.0.0.1',
    80,
    'http',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it; block_private_ips: loopback (127.0.0.0/8)',
  ],
  // `allowed_private` opens this one here, and yet it is never a thing to suggest.
  ['169.254.169.254', 80, 'http', 'allowlist', 'not_allowed | allowed_hosts: no entry covers it'],
  [
    '100.100.100.200',
    80,
    'http',
    'allowlist',
    'not_allowed | allowed_hosts: no entry covers it; block_private_ips: metadata (100.100.100.200)',
  ],
  ['', 443, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['api.example.com:443', 443, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['user@api.example.com', 443, 'https', 'allowlist', 'invalid_host | host name or port'],
  [
    'api.example.com\u0000.evil.test',
    443,
    'https',
    'allowlist',
    'invalid_host | host name or port',
  ],
  ['api.example.com%2eevil.test', 443, 'https', 'allowlist', 'invalid_host | host name or port'],
  ['1.2.3.4.5', 443, 'https', 'allowlist', 'invalid_host | host name or port'],
];

const policies = {
  none: compilePolicy({ ...OPTIONS, mode: 'none' }),
  allowlist: compilePolicy(OPTIONS),
  open: compilePolicy({ ...OPTIONS, mode: 'open' }),
};

it.each(ROWS)(
  'decideConnection(%j, %d, %s) in mode %s: %s',
  (host, port, transport, mode, want) => {
    const verdict = policies[mode].decideConnection({
      name: host,
      address: '198.18.0.1',
      port,
      transport,
    });
    expect(verdict.isAllowed ? verdict.rule : `${verdict.reason} | ${inWords(verdict).rule}`).toBe(
      want,
    );
    // Without a captured name the destination is the host, and the verdict the same.
    expect(policies[mode].decideConnection({ name: null, address: host, port, transport })).toEqual(
      verdict,
    );
    if (transport === 'https' || transport === 'http') {
      const request = { name: host, port, scheme: transport, method: 'GET', path: '/' };
      expect(policies[mode].decideRequest(request)).toEqual(verdict);
    }
  },
);

it('the table of decisions has 80 rows and more', () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(80);
});

it.each([
  [
    'api.example.com',
    443,
    'https',
    'none',
    'network: { mode: allowlist, allowed_hosts: ["api.example.com"] }',
  ],
  ['stats.example.com', 443, 'https', 'allowlist', 'remove "stats.example.com" from denied_hosts'],
  ['new.example.com', 443, 'https', 'allowlist', 'allowed_hosts: ["new.example.com"]'],
  ['new.example.com', 80, 'http', 'allowlist', 'allowed_hosts: ["new.example.com"]'],
  ['NEW.example.com.', 8443, 'https', 'allowlist', 'allowed_hosts: ["new.example.com:8443"]'],
  ['new.example.com', 5432, 'tcp', 'allowlist', 'allowed_hosts: ["new.example.com:5432/tcp"]'],
  ['2600::9', 443, 'https', 'allowlist', 'allowed_hosts: ["2600::9"]'],
  ['2600::9', 22, 'tcp', 'allowlist', 'allowed_hosts: ["[2600::9]:22/tcp"]'],
  // What allowed_private opens is meant to be reached.
  ['10.9.0.1', 22, 'tcp', 'allowlist', 'allowed_hosts: ["10.9.0.1:22/tcp"]'],
  // Nothing to paste for what is private, nor ever for metadata: a guest tries them, nobody meant them.
  ['10.8.0.1', 443, 'https', 'allowlist', ''],
  ['::ffff:10.8.0.1', 443, 'https', 'allowlist', ''],
  ['64:ff9b::10.8.0.1', 443, 'https', 'allowlist', ''],
  ['fe80::1', 80, 'http', 'allowlist', ''],
  ['169.254.1.1', 80, 'http', 'allowlist', ''],
  ['169.254.169.254', 80, 'http', 'allowlist', ''],
  ['0xa9fea9fe', 80, 'http', 'allowlist', ''],
  ['64:ff9b::169.254.169.254', 80, 'http', 'allowlist', ''],
  ['fd00:ec2::254', 80, 'http', 'none', ''],
  ['10.8.0.1', 80, 'http', 'none', ''],
  ['bad host', 443, 'https', 'allowlist', ''],
] as const)(
  'a refusal of %s:%d over %s in mode %s suggests %j',
  (name, port, transport, mode, want) => {
    const verdict = policies[mode].decideConnection({ name, address: '', port, transport });
    expect(inWords(verdict)).toMatchObject({ isAllowed: false, suggestion: want });
    // What is suggested must also be accepted, and let this very connection through.
    const entry = /allowed_hosts: \["([^"]+)"\]/.exec(want)?.[1];
    if (entry === undefined) return;
    const healed = compilePolicy({ ...OPTIONS, allowedHosts: [...OPTIONS.allowedHosts, entry] });
    expect(healed.decideConnection({ name, address: '', port, transport }).isAllowed).toBe(true);
  },
);

it.each([
  ['api.example.com', 'allowlist', 'allowed_hosts: "api.example.com"'],
  ['db.internal', 'allowlist', 'allowed_hosts: "db.internal:5432/tcp"'],
  ['any.example.com', 'allowlist', 'allowed_hosts: "any.example.com:*"'],
  ['api.test', 'allowlist', 'extra_hosts: "api.test"'],
  ['x.ads.test', 'allowlist', 'denied'],
  ['stats.example.com', 'open', 'denied'],
  ['new.example.com', 'allowlist', 'not_allowed'],
  ['new.example.com', 'open', 'mode: open'],
  ['api.example.com', 'none', 'mode_none'],
  ['192.0.2.7', 'allowlist', 'allowed_hosts: "192.0.2.7"'],
  ['a b', 'open', 'invalid_host'],
] as const)('decideName(%s) in mode %s: %s', (name, mode, want) => {
  const verdict = policies[mode].decideName(name);
  expect(verdict.isAllowed ? verdict.rule : verdict.reason).toBe(want);
});

it('an empty allowlist reaches nothing', () => {
  const policy = compilePolicy({
    mode: 'allowlist',
    allowedHosts: [],
    deniedHosts: [],
    rules: [],
    blockPrivateIps: true,
    allowedPrivate: [],
  });
  for (const name of ['example.com', 'localhost', '127.0.0.1', '8.8.8.8', '::1']) {
    expect(policy.decideName(name).isAllowed).toBe(false);
    expect(
      policy.decideConnection({ name, address: name, port: 443, transport: 'https' }).isAllowed,
    ).toBe(false);
  }
});

it('Policy.names lists exact reachable names once, extra_hosts first', () => {
  expect(policies.allowlist.names.slice(0, 4)).toEqual([
    'api.test',
    'plain.test',
    'x.ads.test',
    'api.example.com',
  ]);
  expect(policies.allowlist.names.filter((name) => name === 'both.example.com')).toHaveLength(1);
});

it('Policy.extraHost() gives where a name leads, in any spelling', () => {
  expect(policies.allowlist.extraHost('API.test.')).toEqual({
    name: 'api.test',
    address: '127.0.0.1',
    port: 8443,
  });
  expect(policies.allowlist.extraHost('plain.test')).toEqual({
    name: 'plain.test',
    address: '10.1.2.3',
  });
  expect(policies.allowlist.extraHost('api.example.com')).toBeNull();
  expect(policies.allowlist.extraHost('127.0.0.1')).toBeNull();
});

it.each([
  ['rules', { rules: [{ host: 'a.test', action: 'deny' as const }] }, {}],
  ['hooks', {}, { hasHooks: true }],
  ['secrets', {}, { hasSecrets: true }],
])(
  'compilePolicy() lets raw TCP through in mode open only by an entry with /tcp where there are %s',
  (_what, more, facts) => {
    const policy = compilePolicy(
      { ...OPTIONS, mode: 'open', allowedHosts: ['db.test:5432/tcp'], ...more },
      facts,
    );
    const decide = (name: string | null, port: number, transport: 'tcp' | 'https') =>
      policy.decideConnection({ name, address: name ?? '93.184.216.34', port, transport })
        .isAllowed;
    // Another name, or the address itself, may lead to the host that a rule is for.
    expect([
      decide('a.test', 443, 'tcp'),
      decide('b.test', 22, 'tcp'),
      decide(null, 22, 'tcp'),
    ]).toEqual([false, false, false]);
    expect([decide('db.test', 5432, 'tcp'), decide('b.test', 443, 'https')]).toEqual([true, true]);
    expect(policy.allowsTcp).toBe(true);
    expect(
      compilePolicy({ ...OPTIONS, mode: 'open', allowedHosts: [], ...more }, facts).allowsTcp,
    ).toBe(false);
  },
);
