import { createPublicKey } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readGzipMember } from '../../../../src/image/alpine/gzip-members.ts';
import type { Keyring } from '../../../../src/image/alpine/keyring.ts';
import {
  parsePackages,
  readRepositoryIndex,
} from '../../../../src/image/alpine/repository-index.ts';
import {
  buildIndex,
  buildPackage,
  makeKey,
  type SigningKey,
  signaturePart,
} from '../../../fixtures/alpine/apk-package.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';

const key = makeKey('tester@example.com-1.rsa.pub');
const other = makeKey('other@example.com-2.rsa.pub');
const packages = [
  buildPackage(
    { name: 'a', version: '1.0-r0', depends: ['b>=1'], provides: ['cmd:a=1.0-r0'] },
    key,
  ),
  buildPackage({ name: 'b', version: '1.2-r0', providerPriority: 5 }, key),
];

function keyring(...keys: readonly SigningKey[]): Keyring {
  const entries = keys.map(
    ({ name, publicPem }) =>
      [name, { name, pem: Buffer.from(publicPem), key: createPublicKey(publicPem) }] as const,
  );
  return { directory: '/keys', keys: new Map(entries), digest: '' };
}

const read = (file: Buffer, ...keys: readonly SigningKey[]) =>
  readRepositoryIndex(file, keyring(...keys), 'http://mirror/x');

it.each(['RSA', 'RSA256', 'RSA512'] as const)('an index signed with %s is read', (kind) => {
  const { packages: found, signer } = read(buildIndex(packages, key, kind), key, other);
  expect(signer.name).toBe(key.name);
  expect(found.map(({ name, version }) => `${name}-${version}`)).toEqual(['a-1.0-r0', 'b-1.2-r0']);
  expect(found[0]).toMatchObject({
    arch: 'x86_64',
    origin: 'a',
    depends: [{ name: 'b', constraint: { version: '1' } }],
    provides: [{ name: 'cmd:a', version: '1.0-r0' }],
    problem: null,
  });
  expect(found[1]?.providerPriority).toBe(5);
});

it('a key that is not known is named, with the directory where it is missing', () => {
  expect(() => read(buildIndex(packages, key), other)).toThrow(
    expect.objectContaining({
      code: 'IMAGE_KEY_MISSING',
      message: expect.stringMatching(/"tester@example\.com-1\.rsa\.pub", which is not in \/keys/),
    }),
  );
});

it('a signature by another key under the name of a known one is refused', () => {
  const forged = { ...other, name: key.name };
  expect(() => read(buildIndex(packages, forged), key)).toThrow(
    expect.objectContaining({ code: 'IMAGE_SIGNATURE_INVALID' }),
  );
});

it('every change of a byte of the signed part is found before it is read', () => {
  const file = buildIndex(packages, key);
  const { end } = readGzipMember(file, 0, 1_000_000);
  for (let at = end; at < file.length; at += 7) {
    const changed = Buffer.from(file);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => read(changed, key)).toThrow(
      expect.objectContaining({ code: 'IMAGE_SIGNATURE_INVALID' }),
    );
  }
});

it('an index without a signature, or with one in an unknown form, is refused', () => {
  const index = gzipSync(rawTar({ name: 'APKINDEX', content: packages[0]?.record ?? '' }));
  const dsa = gzipSync(rawTar({ name: '.SIGN.DSA.x.pub', content: 'x' }));
  for (const file of [index, Buffer.concat([dsa, index])]) {
    expect(() => read(file, key)).toThrow(
      expect.objectContaining({ code: 'IMAGE_SIGNATURE_INVALID' }),
    );
  }
});

it('the name of a key is never a path', () => {
  const index = gzipSync(rawTar({ name: 'APKINDEX', content: '' }));
  const named = (name: string) => signaturePart(index, { ...key, name }, 'RSA');
  for (const name of ['../../etc/key.pub', '.pub', 'a/b.pub']) {
    expect(() => read(Buffer.concat([named(name), index]), key)).toThrow(
      expect.objectContaining({ code: 'IMAGE_SIGNATURE_INVALID' }),
    );
  }
});

it.each([
  ['no gzip at all', Buffer.from('hello')],
  ['nothing', Buffer.alloc(0)],
  ['a stream that ends early', buildIndex(packages, key).subarray(0, 40)],
  ['gzip of something else', gzipSync(Buffer.from('x'.repeat(600)))],
])('%s instead of an index is refused with the URL', (_what, file) => {
  expect(() => read(file, key)).toThrow(
    expect.objectContaining({
      code: 'IMAGE_REPOSITORY_INVALID',
      message: expect.stringContaining('http://mirror/x'),
    }),
  );
});

it('a signed archive without an index is refused', () => {
  const index = gzipSync(rawTar({ name: 'README', content: 'x' }));
  expect(() => read(Buffer.concat([signaturePart(index, key, 'RSA'), index]), key)).toThrow(
    expect.objectContaining({ code: 'IMAGE_REPOSITORY_INVALID' }),
  );
});

const GOOD = ['P:a', 'V:1-r0', 'A:x86_64', `C:Q1${'A'.repeat(27)}=`, 'S:1', 'I:1'];

it.each([
  ['no name', GOOD.filter((line) => !line.startsWith('P:'))],
  ['a name with a slash', [...GOOD, 'P:../a']],
  ['a version with a slash', [...GOOD, 'V:1/2']],
  ['no checksum', [...GOOD, 'C:']],
  ['a checksum of another form', [...GOOD, 'C:Q3AAAA']],
  ['a negative size', [...GOOD, 'S:-1']],
  ['a size beyond the bound', [...GOOD, 'S:99999999999']],
  ['no size', [...GOOD, 'S:']],
  ['a line without a colon', [...GOOD, 'hello']],
  ['a priority that is no number', [...GOOD, 'k:x']],
  ['too many words', [...GOOD, `D:${'a '.repeat(20_001)}`]],
  ['a line that is too long', [...GOOD, `T:${'a'.repeat(1024 * 1024)}`]],
  ['too many lines', [...GOOD, ...Array.from({ length: 100 }, () => 'T:x')]],
])('a record with %s is refused', (_what, lines) => {
  expect(() => parsePackages(`${lines.join('\n')}\n`, 'the index x')).toThrow(
    expect.objectContaining({ code: 'IMAGE_REPOSITORY_INVALID' }),
  );
});

it('parsePackages() takes records with and without an empty line at the end', () => {
  const text = GOOD.join('\n');
  for (const all of [text, `${text}\n`, `${text}\n\n`, `\n\n${text}\n\n\n\n`]) {
    expect(parsePackages(all, 'x')).toHaveLength(1);
  }
  expect(parsePackages('', 'x')).toEqual([]);
});

it('readGzipMember() finds the end of a stream whatever its header has', () => {
  const plain = gzipSync(Buffer.from('content'));
  const fields = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0x02 | 0x04 | 0x08 | 0x10, 0, 0, 0, 0, 0, 3]),
    Buffer.from([3, 0, 1, 2, 3]),
    Buffer.from('name\0comment\0'),
    Buffer.from([0, 0]),
    plain.subarray(10),
  ]);
  const file = Buffer.concat([plain, fields, Buffer.from('rest')]);
  const first = readGzipMember(file, 0, 100);
  expect(first).toMatchObject({ start: 0, end: plain.length });
  const second = readGzipMember(file, first.end, 100);
  expect(second.content.toString()).toBe('content');
  expect(file.subarray(second.end).toString()).toBe('rest');
});

it('readGzipMember() refuses what is longer than the bound, damaged or cut off', () => {
  const file = gzipSync(Buffer.alloc(100_000));
  expect(() => readGzipMember(file, 0, 99_999)).toThrow(RangeError);
  for (let length = 0; length < file.length; length += 1) {
    expect(() => readGzipMember(file.subarray(0, length), 0, 1_000_000)).toThrow(RangeError);
  }
});
