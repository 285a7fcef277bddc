import { expect, it } from 'vitest';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import type { PolicyOptions } from '../../../../src/net/policy/policy-options.ts';

const SSH = ['git.test', '*.deep.test:2222', '192.0.2.7'];

function decide(options: PolicyOptions, host: string, port: number, transport: 'ssh' | 'tcp') {
  const policy = compilePolicy(options, { sshHosts: SSH });
  const isAddress = /^[\d.]+$/.test(host);
  const name = isAddress ? null : host;
  const verdict = policy.decideConnection({ name, address: host, port, transport });
  return verdict.isAllowed ? verdict.rule : verdict.reason;
}

it.each([
  [{}, 'git.test', 22, 'ssh: "git.test"'],
  [{}, 'git.test', 2222, 'not_allowed'],
  [{}, 'a.deep.test', 2222, 'ssh: "*.deep.test:2222"'],
  [{}, 'a.deep.test', 22, 'not_allowed'],
  [{}, 'a.b.deep.test', 2222, 'not_allowed'],
  [{}, '192.0.2.7', 22, 'ssh: "192.0.2.7"'],
  [{}, 'other.test', 22, 'not_allowed'],
  [{ mode: 'none' }, 'git.test', 22, 'mode_none'],
  [{ mode: 'open' }, 'other.test', 22, 'not_allowed'],
  [{ deniedHosts: ['git.test'] }, 'git.test', 22, 'denied'],
  [{ deniedHosts: ['git.test:443'] }, 'git.test', 22, 'ssh: "git.test"'],
  [{ allowedHosts: ['other.test:22/tcp'] }, 'other.test', 22, 'not_allowed'],
] as const)('%j: SSH to %s:%i is %s', (options, host, port, want) => {
  expect(decide(options, host, port, 'ssh')).toBe(want);
});

it('a host of ssh is not allowed by raw TCP, and its name has an address', () => {
  expect(decide({}, 'git.test', 22, 'tcp')).toBe('not_allowed');
  const policy = compilePolicy({}, { sshHosts: SSH });
  expect(policy.decideName('git.test').isAllowed).toBe(true);
  expect(policy.decideName('other.test').isAllowed).toBe(false);
  expect(policy.names).toEqual(['git.test']);
});

it('the dialled address of a host of ssh may be private only where that is allowed', () => {
  const policy = compilePolicy({}, { sshHosts: SSH });
  expect(policy.decideAddress('10.0.0.1', 'git.test', 22).isAllowed).toBe(false);
  const extraHosts = [{ name: 'git.test', address: '10.0.0.1' }];
  const opened = compilePolicy({ extraHosts }, { sshHosts: SSH });
  expect(opened.decideAddress('10.0.0.1', 'git.test', 22).isAllowed).toBe(true);
  expect(opened.decideAddress('10.0.0.1', 'git.test', 23).isAllowed).toBe(false);
});
