import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { entryPlace } from '../../../../src/image/cache/layout.ts';
import { parseManifest } from '../../../../src/image/cache/manifest.ts';

const KEY = 'a'.repeat(64);
const DIGEST = { sizeBytes: 5, sha256: 'b'.repeat(64) };
const GOOD = {
  version: 1,
  kind: 'kernel',
  key: KEY,
  title: 'linux 6.1.0',
  createdAtMs: 1_700_000_000_000,
  kernelRelease: '6.1.0-56-cloud-amd64',
  files: { vmlinux: DIGEST, 'modules.cpio': DIGEST },
};
const NAMES = ['vmlinux', 'modules.cpio'];

const parse = (value: unknown) => parseManifest(JSON.stringify(value), 'kernel', NAMES);

it('parseManifest() reads back what was written', () => {
  expect(parse(GOOD)).toEqual(GOOD);
});

it.each<[string, unknown]>([
  ['it is a list', [GOOD]],
  ['it is null', null],
  ['the version is newer', { ...GOOD, version: 2 }],
  ['the kind is another', { ...GOOD, kind: 'rootfs' }],
  ['the key is a path', { ...GOOD, key: '../../etc/passwd' }],
  ['the key is missing', { ...GOOD, key: undefined }],
  ['the title has a terminal escape', { ...GOOD, title: '\u001b[2J' }],
  ['the title is long', { ...GOOD, title: 'x'.repeat(1001) }],
  ['the time is negative', { ...GOOD, createdAtMs: -1 }],
  ['the time is text', { ...GOOD, createdAtMs: '2026' }],
  ['the kernel release has a slash', { ...GOOD, kernelRelease: '6.1/../..' }],
  ['the kernel release is empty', { ...GOOD, kernelRelease: '' }],
  ['a file is missing', { ...GOOD, files: { vmlinux: DIGEST } }],
  ['there is a file too many', { ...GOOD, files: { ...GOOD.files, extra: DIGEST } }],
  ['a file name climbs', { ...GOOD, files: { '../vmlinux': DIGEST, 'modules.cpio': DIGEST } }],
  ['files is a list', { ...GOOD, files: [DIGEST, DIGEST] }],
  ['a size is 0', { ...GOOD, files: { ...GOOD.files, vmlinux: { ...DIGEST, sizeBytes: 0 } } }],
  [
    'a size is a fraction',
    { ...GOOD, files: { ...GOOD.files, vmlinux: { ...DIGEST, sizeBytes: 1.5 } } },
  ],
  [
    'a size is huge',
    { ...GOOD, files: { ...GOOD.files, vmlinux: { ...DIGEST, sizeBytes: 2 ** 50 } } },
  ],
  ['a digest is short', { ...GOOD, files: { ...GOOD.files, vmlinux: { ...DIGEST, sha256: 'b' } } }],
  ['a digest is null', { ...GOOD, files: { ...GOOD.files, vmlinux: null } }],
])('parseManifest() throws IMAGE_INVALID when %s', (_, value) => {
  expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'IMAGE_INVALID' }));
});

it('parseManifest() throws nothing but IMAGE_INVALID when the text is anything', () => {
  const texts = fc.oneof(fc.string(), fc.json(), fc.constant('{"__proto__":1}'));
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseManifest(text, 'kernel', NAMES);
      } catch (error) {
        expect(GondolinError.is(error) && error.code).toBe('IMAGE_INVALID');
      }
    }),
  );
});

it('entryPlace() throws RangeError when the key is no key', () => {
  expect(() => entryPlace('/cache', 'kernel', '../x')).toThrow(RangeError);
});
