import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { KnownHosts, keyType } from '../../../../src/net/ssh/known-hosts.ts';

/** A key of a type, as on the wire. */
function key(type: string, fill: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.alloc(36, fill)]);
}

const ED = key('ssh-ed25519', 1);
const OTHER = key('ssh-ed25519', 2);
const RSA = key('ssh-rsa', 3);
const line = (hosts: string, one: Buffer) => `${hosts} ${keyType(one)} ${one.toString('base64')} x`;

function hashed(host: string): string {
  const salt = Buffer.alloc(20, 9);
  const hash = createHmac('sha1', salt).update(host).digest('base64');
  return `|1|${salt.toString('base64')}|${hash}`;
}

it.each([
  ['git.test', 'git.test', 22, 'known'],
  ['GIT.test,other.test', 'git.test', 22, 'known'],
  ['git.test', 'git.test', 2222, 'unknown'],
  ['[git.test]:2222', 'git.test', 2222, 'known'],
  ['[git.test]:2222', 'git.test', 22, 'unknown'],
  ['*.test', 'git.test', 22, 'known'],
  ['*.test,!git.test', 'git.test', 22, 'unknown'],
  ['g?t.test', 'git.test', 22, 'known'],
  [hashed('git.test'), 'git.test', 22, 'known'],
  [hashed('[git.test]:2222'), 'git.test', 2222, 'known'],
  [hashed('other.test'), 'git.test', 22, 'unknown'],
  ['@cert-authority git.test', 'git.test', 22, 'unknown'],
  ['#git.test', 'git.test', 22, 'unknown'],
] as const)('the line of %s makes the key of %s:%i %s', (hosts, name, port, want) => {
  expect(new KnownHosts([line(hosts, ED)]).check(name, port, ED)).toBe(want);
});

it('another key is changed, a further one of the host is known, a revoked one revoked', () => {
  const known = new KnownHosts([`${line('git.test', ED)}\n`, line('git.test', RSA)]);
  expect(known.check('git.test', 22, OTHER)).toBe('changed');
  expect(known.check('git.test', 22, RSA)).toBe('known');
  expect(known.typesFor('git.test', 22)).toEqual(['ssh-ed25519', 'ssh-rsa']);
  const revoked = new KnownHosts([line('git.test', ED), line('@revoked *', ED)]);
  expect(revoked.check('git.test', 22, ED)).toBe('revoked');
});

it('lines that cannot be used count as absent', () => {
  const broken = [
    '',
    'git.test',
    'git.test ssh-ed25519',
    'git.test ssh-rsa AAAA',
    '|2|a|b ssh-rsa x',
  ];
  const mixed = `git.test ssh-rsa ${ED.toString('base64')}`;
  const known = new KnownHosts([[...broken, mixed].join('\n')]);
  expect(known.check('git.test', 22, ED)).toBe('unknown');
});

it('keyType() of bytes that are no key is empty', () => {
  expect(
    [Buffer.alloc(0), Buffer.alloc(8, 255), Buffer.from([0, 0, 0, 9, 65])].map(keyType),
  ).toEqual(['', '', '']);
});
