/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { networkOptions } from '../../../../src/project/sandbox-network.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const networkOf = (text: string, files = {}) =>
  readText(`network:\n${text}`, { files }).sandboxes[0]?.network;

describe('network:', () => {
  it('allows nothing when it is left out', () => {
    expect(readText('image: debian\n').sandboxes[0]?.network).toEqual({
      mode: 'allowlist',
      allowedHosts: [],
      deniedHosts: [],
      blockPrivateIps: true,
      allowedPrivate: [],
      extraHosts: [],
      ca: [],
      passthrough: [],
      rules: [],
      policyScript: null,
      upstreamProxy: null,
      ssh: [],
      onBlocked: 'warn',
    });
  });

  it('reads every key, host patterns in canonical form and without repeats', () => {
    const text = `  mode: open
  allowed_hosts: [API.github.com., "*.githubusercontent.com", "db.internal:5432/tcp", api.github.com, "[::1]:80", "bücher.example"]
  denied_hosts: [telemetry.example.com]
  block_private_ips: false
  allowed_private: [db.internal, 10.1.0.0/16, "FD00::/8", 192.0.2.7]
  extra_hosts: ["api.test:127.0.0.1:8443", "six.test:[::1]:8080", "bare.test:::1", "plain.test:192.0.2.7"]
  ca: [./corp-root.pem]
  passthrough: ["pinned.example.com:8443"]
  rules:
    - { host: api.github.com, methods: [get, GET, post], paths: ["/repos/**"], action: deny }
    - { host: "*.example.com", reason: why }
  policy_script: ./policy.ts
  upstream_proxy: { url: 'http://proxy.test:3128', credentials: { env: PROXY }, no_proxy: [API.test] }
  ssh:
    - { hosts: [Git.test, "git.test:2222"], key: ./key, user: git, known_hosts: [./known], commands: [git-upload-pack a/b.git] }
    - { hosts: ["*.b.test"], agent: true }
  on_blocked: fail
`;
    const files = { '/p/key': 'x', '/p/known': 'x' };
    expect(networkOf(text, { ...files, '/p/corp-root.pem': 'x', '/p/policy.ts': 'x' })).toEqual({
      mode: 'open',
      allowedHosts: [
        'api.github.com',
        '*.githubusercontent.com',
        'db.internal:5432/tcp',
        '[::1]:80',
        'xn--bcher-kva.example',
      ],
      deniedHosts: ['telemetry.example.com'],
      blockPrivateIps: false,
      allowedPrivate: ['db.internal', '10.1.0.0/16', 'fd00::/8', '192.0.2.7'],
      extraHosts: [
        { name: 'api.test', address: '127.0.0.1', port: 8443 },
        { name: 'six.test', address: '::1', port: 8080 },
        { name: 'bare.test', address: '::1', port: null },
        { name: 'plain.test', address: '192.0.2.7', port: null },
      ],
      ca: ['/p/corp-root.pem'],
      passthrough: ['pinned.example.com:8443'],
      rules: [
        {
          host: 'api.github.com',
          methods: ['GET', 'POST'],
          paths: ['/repos/**'],
          action: 'deny',
          reason: '',
        },
        { host: '*.example.com', methods: [], paths: [], action: 'allow', reason: 'why' },
      ],
      policyScript: '/p/policy.ts',
      upstreamProxy: {
        url: 'http://proxy.test:3128',
        credentials: { kind: 'env', variable: 'PROXY' },
        noProxy: ['api.test'],
        resolve: 'local',
      },
      ssh: [
        {
          hosts: ['git.test', 'git.test:2222'],
          user: 'git',
          key: '/p/key',
          agent: false,
          knownHosts: ['/p/known'],
          commands: ['git-upload-pack a/b.git'],
        },
        {
          hosts: ['*.b.test'],
          user: null,
          key: null,
          agent: true,
          knownHosts: [],
          commands: ['git-upload-pack *', 'git-receive-pack *', 'git-upload-archive *'],
        },
      ],
      onBlocked: 'fail',
    });
  });

  it('is allowed in defaults and in one of several sandboxes, merged key by key', () => {
    const text = `defaults: { network: { on_blocked: fail, allowed_hosts: [a.test] } }
sandboxes:
  one: { network: { allowed_hosts: [b.test] } }
  two: { network: { mode: none } }
`;
    const [one, two] = readText(text).sandboxes;
    expect(one?.network).toMatchObject({ onBlocked: 'fail', allowedHosts: ['b.test'] });
    expect(two?.network).toMatchObject({ mode: 'none', onBlocked: 'fail' });
  });

  it('is not allowed beside sandboxes:', () => {
    const text = 'sandboxes: { a: { image: debian } }\nnetwork: { mode: open }\nsecrets: []\n';
    expect(issuesOfText(text)).toEqual(['2:1 form_conflict', '3:1 form_conflict']);
  });

  it('reports each mistake at its place', () => {
    const text = `network:
  mode: al
  allow_hosts: []
  allowed_hosts:
    - "*.*"
    - https://api.example.com/v1
    - api.example.com:70000
    - api.*.example.com
    - "127.1"
    - user@api.example.com
  denied_hosts: ["db:5432/tcp"]
  allowed_private: ["*:8", "10.0.0.0/33", "nonsense/8"]
  extra_hosts: [api.test, "api.test:localhost", "a.test:127.0.0.1:0", "b.test:127.0.0.1", "b.test:127.0.0.2"]
  ca: [./gone.pem, ./src]
  rules:
    - { methods: [GET] }
    - { host: "a.test/x" }
    - { host: a.test, paths: [repos], methods: ["G T"], action: log }
  policy_script: ./gone.ts
  on_blocked: explode
  block_private_ips: perhaps
`;
    expect(issuesOfText(text)).toEqual([
      '2:9 bad_value',
      '3:3 unknown_key',
      '5:7 host_pattern',
      '6:7 host_pattern',
      '7:7 host_pattern',
      '8:7 host_pattern',
      '9:7 host_pattern',
      '10:7 host_pattern',
      '11:18 host_pattern',
      '12:21 host_pattern',
      '12:28 host_pattern',
      '12:43 host_pattern',
      '13:17 host_pattern',
      '13:27 host_pattern',
      '13:49 host_pattern',
      '13:91 duplicate_name',
      '14:8 path_missing',
      '14:20 path_kind',
      '16:7 missing_key',
      '17:15 host_pattern',
      '18:31 bad_value',
      '18:49 bad_value',
      '18:65 bad_value',
      '19:18 path_missing',
      '20:15 bad_value',
      '21:22 wrong_type',
    ]);
  });

  it('says what is meant: a near key, a hint with the forms', () => {
    const [near, star] = errorOf('network: { allow_hosts: [], allowed_hosts: ["*.*"] }\n');
    expect(near?.hint).toBe('Did you mean "allowed_hosts"?');
    expect(star?.message).toContain('*.example.com');
    expect(star?.hint).toContain('db.internal:5432/tcp');
  });

  it('shows the reference of a host that a variable put in', () => {
    const [issue] = errorOf('network: { allowed_hosts: ["${HOST}"] }\n', {
      env: { HOST: 'no host, s3cret' },
    });
    expect(issue?.message).toContain('${HOST}');
    expect(JSON.stringify(issue)).not.toContain('s3cret');
  });
});

it('the example of the design for network: and secrets: is valid', () => {
  const text = `network:
  mode: allowlist
  allowed_hosts: [api.github.com, "*.githubusercontent.com", "db.internal:5432/tcp"]
  denied_hosts: ["telemetry.example.com"]
  block_private_ips: true
  allowed_private: [db.internal]
  extra_hosts: ["api.test:127.0.0.1:8443"]
  ca: [./corp-root.pem]
  rules:
    - { host: api.github.com, methods: [GET], paths: ["/repos/**"], action: allow }
  policy_script: ./policy.ts
  on_blocked: warn
secrets:
  - GITHUB_TOKEN@api.github.com
  - { name: NPM_TOKEN, hosts: [npm.example.com], from: { env: CI_NPM } }
`;
  const files = { '/p/corp-root.pem': 'x', '/p/policy.ts': 'x' };
  const config = readText(text, { files });
  const [sandbox] = buildPlan(config, { arch: 'x86_64', release: 'trixie' }).sandboxes;
  if (sandbox === undefined) throw new Error('no sandbox');
  expect(sandbox.network.allowedHosts).toEqual([
    ...['api.github.com', '*.githubusercontent.com', 'db.internal:5432/tcp', 'npm.example.com'],
  ]);
  const facts = { secrets: [], caPems: [], caDirectory: '/ca' };
  const policy = compilePolicy(networkOptions(sandbox.network, facts).policy);
  const ask = (name: string, port: number, transport: 'https' | 'tcp') =>
    policy.decideConnection({ name, address: '198.18.0.1', port, transport }).isAllowed;
  expect(ask('npm.example.com', 443, 'https')).toBe(true);
  expect(ask('db.internal', 5432, 'tcp')).toBe(true);
  expect(ask('api.test', 443, 'https')).toBe(true);
  expect(ask('telemetry.example.com', 443, 'https')).toBe(false);
});

it.each([
  ['http://user:s3cret@proxy.test', 'secret_inline'],
  ['{ url: "http://user:s3cret@proxy.test" }', 'secret_inline'],
  ['proxy.test:3128', 'bad_value'],
  ['http://proxy.test/s3cret', 'bad_value'],
  ['{ url: "http://proxy.test", no_proxy: ["http://x.test"] }', 'host_pattern'],
])('refuses upstream_proxy: %s', (value, code) => {
  const issues = errorOf(`network: { upstream_proxy: ${value} }\n`);
  expect(issues.map((issue) => issue.code)).toEqual([code]);
  expect(JSON.stringify(issues)).not.toContain('s3cret');
});
