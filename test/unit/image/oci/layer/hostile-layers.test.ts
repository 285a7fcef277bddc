import { expect, it } from 'vitest';
import { GondolinError } from '../../../../../src/errors/gondolin-error.ts';
import { paxHeader, paxRecord, rawEntry, rawTar } from '../../../../fixtures/oci/raw-tar.ts';
import { readLayers } from './read-layers.ts';

/** Base 256 with the first bit set: what GNU tar writes for numbers that octal digits do not hold. */
function base256(length: number, ...last: number[]): Buffer {
  const bytes = Buffer.alloc(length);
  bytes[0] = 0x80;
  Buffer.from(last).copy(bytes, length - last.length);
  return bytes;
}

const file = { name: 'victim', content: 'x' };
const longName = (name: string) =>
  rawEntry({ name: '././@LongLink', type: 'L', content: `${name}\0` });
const longLink = (name: string) =>
  rawEntry({ name: '././@LongLink', type: 'K', content: `${name}\0` });
const body = (text: string | Buffer) => rawEntry({ name: 'pax', type: 'x', content: text });
const circle = [
  { name: 'a', type: '2', link: 'b' },
  { name: 'b', type: '2', link: 'a' },
];

/** Each archive is refused with a message that names what is wrong, and the entry wherever one is known. */
const HOSTILE: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a name that climbs', rawTar({ name: '../evil' }), /"\.\.\/evil".*"\.\."/],
  ['a name that climbs later', rawTar({ name: 'a/../../evil' }), /"a\/\.\.\/\.\.\/evil"/],
  ['an absolute name that climbs', rawTar({ name: '/../etc/passwd' }), /"\/\.\.\/etc/],
  ['a name that only climbs', rawTar({ name: '..', type: '5' }), /"\.\."/],
  ['a climbing name by its prefix', rawTar({ prefix: '../..', name: 'x' }), /"\.\.\/\.\.\/x"/],
  ['a climbing name in pax', rawTar(paxHeader({ path: '../evil' }), file), /"\.\.\/evil"/],
  ['a climbing name of GNU', rawTar(longName('../evil'), file), /"\.\.\/evil"/],
  [
    'a later pax path that climbs',
    rawTar(body(Buffer.concat([paxRecord('path', 'good'), paxRecord('path', '../evil')])), file),
    /"\.\.\/evil"/,
  ],
  [
    'a link to a climbing name',
    rawTar({ name: 'l', type: '1', link: '../../etc/passwd' }),
    /"l".*"\.\."/,
  ],
  [
    'a link to a climbing name in pax',
    rawTar(paxHeader({ linkpath: '../x' }), { name: 'l', type: '1' }),
    /"l"/,
  ],
  ['a link to a climbing name of GNU', rawTar(longLink('../x'), { name: 'l', type: '1' }), /"l"/],
  ['a dangling link', rawTar({ name: 'l', type: '1', link: 'nothing' }), /"l".*does not exist/],
  [
    'an absolute dangling link',
    rawTar({ name: 'l', type: '1', link: '/etc/shadow' }),
    /"l".*does not exist/,
  ],
  ['a link to itself', rawTar({ name: 'l', type: '1', link: 'l' }), /"l".*does not exist/],
  [
    'a link to a directory',
    rawTar({ name: 'd', type: '5' }, { name: 'l', type: '1', link: 'd' }),
    /"l".*directory/,
  ],
  ['a link to the root', rawTar({ name: 'l', type: '1', link: '/' }), /"l".*does not exist/],
  ['a link without a target', rawTar({ name: 'l', type: '1' }), /"l".*does not exist/],
  ['a symlink without a target', rawTar({ name: 's', type: '2' }), /"s".*target/],
  [
    'a symlink with a target of 5000 bytes',
    rawTar(longLink('x'.repeat(5000)), { name: 's', type: '2' }),
    /"s".*target/,
  ],
  [
    'a file below a file',
    rawTar(file, { name: 'victim/below' }),
    /"victim\/below".*not a directory/,
  ],
  [
    'a directory below a file',
    rawTar(file, { name: 'victim/below/', type: '5' }),
    /not a directory/,
  ],
  [
    'a file below a device',
    rawTar({ name: 'n', type: '3', major: 1, minor: 3 }, { name: 'n/x' }),
    /"n\/x"/,
  ],
  ['a file below a circle of links', rawTar(...circle, { name: 'a/x' }), /"a\/x".*circle/],
  [
    'a file below a link to itself',
    rawTar({ name: 'a', type: '2', link: './a' }, { name: 'a/x' }),
    /circle/,
  ],
  [
    'a root that is a file',
    rawTar({ name: './', type: '0', content: '' }, { name: '.' }),
    /not a directory/,
  ],
  ['a root that is a link', rawTar({ name: '/', type: '2', link: '/tmp' }), /not a directory/],
  ['a name of 300 bytes', rawTar(longName('n'.repeat(300)), file), /name of 300 bytes/],
  [
    'a name of 300 bytes within a path',
    rawTar(paxHeader({ path: `a/${'n'.repeat(300)}/b` }), file),
    /300 bytes/,
  ],
  [
    'a path of 5000 bytes',
    rawTar(paxHeader({ path: 'a/'.repeat(2500) }), file),
    /path of 5000 bytes/,
  ],
  [
    'a link to a path of 5000 bytes',
    rawTar(paxHeader({ linkpath: 'a/'.repeat(2500) }), { name: 'l', type: '1' }),
    /"l".*5000/,
  ],
  ['a NUL in a pax path', rawTar(paxHeader({ path: 'good\0/../evil' }), file), /path .*NUL/],
  [
    'a NUL in a pax linkpath',
    rawTar(paxHeader({ linkpath: 'a\0b' }), { name: 'l', type: '2' }),
    /linkpath .*NUL/,
  ],
  ['a negative size', rawTar({ ...file, size: Buffer.alloc(12, 0xff) }), /"victim".*size of -1/],
  [
    'a size of 2^63',
    rawTar({ ...file, size: base256(12, 0x80, 0, 0, 0, 0, 0, 0, 0) }),
    /"victim".*size/,
  ],
  ['a size of 64 GiB beyond the archive', rawTar({ ...file, size: '777777777777' }), /ends within/],
  ['a size with a letter', rawTar({ ...file, size: '0000000x001\0' }), /"victim".*malformed size/],
  ['a size with an inner space', rawTar({ ...file, size: '00001 00001\0' }), /malformed size/],
  ['a pax size with a sign', rawTar(paxHeader({ size: '-1' }), file), /size .*not a size/],
  [
    'a pax size of 20 digits',
    rawTar(paxHeader({ size: '99999999999999999999' }), file),
    /not a size/,
  ],
  ['a pax size in hexadecimal', rawTar(paxHeader({ size: '0x10' }), file), /not a size/],
  ['a pax size beyond the archive', rawTar(paxHeader({ size: '1000000' }), file), /ends within/],
  ['an owner of 2^32', rawTar(paxHeader({ uid: '4294967296' }), file), /"victim".*owner/],
  ['the owner that means none', rawTar(paxHeader({ uid: '4294967295' }), file), /"victim".*owner/],
  ['a negative owner', rawTar({ ...file, uid: Buffer.alloc(8, 0xff) }), /"victim".*owner of -1/],
  ['a negative group', rawTar({ ...file, gid: Buffer.alloc(8, 0xff) }), /"victim".*group of -1/],
  ['a time that is no number', rawTar(paxHeader({ mtime: 'now' }), file), /mtime/],
  [
    'a device beyond Linux',
    rawTar({ name: 'dev/x', type: '4', major: 0o7777777 }),
    /"dev\/x".*device/,
  ],
  [
    'a device with a large minor',
    rawTar({ name: 'dev/x', type: '3', minor: 0o7777777 }),
    /"dev\/x".*device/,
  ],
  ['a file with holes of GNU', rawTar({ ...file, type: 'S' }), /"victim".*holes/],
  [
    'a file with holes in pax 0.1',
    rawTar(paxHeader({ 'GNU.sparse.map': '0,1', 'GNU.sparse.size': '9' }), file),
    /"victim".*holes/,
  ],
  [
    'a file with holes in pax 1.0',
    rawTar(paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.name': '../x' }), file),
    /"victim".*holes/,
  ],
  ['a volume label', rawTar({ name: 'label', type: 'V' }), /"label".*type "V"/],
  ['a directory dump of GNU', rawTar({ name: 'd', type: 'D' }), /"d".*type "D"/],
  ['a continued volume', rawTar({ name: 'm', type: 'M' }), /"m".*type "M"/],
  ['a type that is not printable', rawTar({ name: 'm', type: '\x07' }), /"m".*\\x7/],
  ['a wrong checksum', rawTar({ ...file, checksumError: 1 }), /checksum/],
  ['bytes that are no archive', Buffer.alloc(2048, 'abc'), /checksum/],
  ['an end within a header', rawEntry(file).subarray(0, 300), /ends within/],
  [
    'an end within content',
    rawEntry({ name: 'f', content: 'x'.repeat(600) }).subarray(0, 700),
    /ends within/,
  ],
  ['an end after an extended header', paxHeader({ path: 'x' }), /ends within/],
  ['an extended header before the end mark', rawTar(paxHeader({ path: 'x' })), /not followed/],
  [
    'entries after one block of zeros',
    rawTar(file, Buffer.alloc(512), { name: 'hidden' }),
    /after its end/,
  ],
  [
    'an extended header of 2 MiB',
    rawTar({ name: 'pax', type: 'x', size: 2 ** 21 }),
    /length of 2097152/,
  ],
  [
    'an extended header of a negative length',
    rawTar({ name: 'p', type: 'x', size: Buffer.alloc(12, 0xff) }),
    /length of -1/,
  ],
  ['a long name of 2 MiB', rawTar({ name: 'l', type: 'L', size: 2 ** 21 }), /length of 2097152/],
  ['a record of length 0', rawTar(body('0 path=x\n'), file), /wrong length/],
  ['a record longer than its header', rawTar(body('99 path=x\n'), file), /wrong length/],
  [
    'a record with a length of 400 digits',
    rawTar(body(`${'9'.repeat(400)} a=b\n`), file),
    /wrong length/,
  ],
  ['a record without =', rawTar(body('9 path_x\n'), file), /malformed/],
  ['a record without a name', rawTar(body('6 =x\n\n'), file), /malformed|wrong length/],
  ['a record without an end of line', rawTar(body('9 path=xx'), file), /malformed/],
  ['a record with a negative length', rawTar(body('-9 path=x\n'), file), /wrong length/],
  [
    'an attribute of 70 KiB',
    rawTar(paxHeader({ 'SCHILY.xattr.user.a': 'v'.repeat(70_000) }), file),
    /attribute/,
  ],
  ['a whiteout without a name', rawTar({ name: 'd/.wh.' }), /"d\/\.wh\."/],
  ['a whiteout of a directory itself', rawTar({ name: 'd/.wh..' }), /"d\/\.wh\.\."/],
  ['a whiteout of the parent', rawTar({ name: 'd/.wh...' }), /"d\/\.wh\.\.\."/],
  ['a whiteout that climbs', rawTar({ name: '../.wh.etc' }), /"\.\.\/\.wh\.etc"/],
];

function refusalOf(archive: Buffer, pieceBytes: number): unknown {
  try {
    readLayers([archive], pieceBytes);
    return null;
  } catch (error) {
    return error;
  }
}

it.each(HOSTILE)('a layer is refused for %s', (_name, archive, message) => {
  for (const pieceBytes of [1, 511, 65_536]) {
    const error = refusalOf(archive, pieceBytes);
    expect(GondolinError.is(error) && error.code).toBe('IMAGE_LAYER_INVALID');
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  }
});

it('a refusal shows no byte of a name that a terminal would act on', () => {
  const error = refusalOf(rawTar({ name: '../\x1b[2J\n\xff' }), 512);
  expect(error).toMatchObject({ message: expect.stringContaining('"../\\x1b[2J\\x0a\\xff"') });
});

it('random bytes give an error of the layer or a tree, and nothing else', () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const good = rawTar(paxHeader({ path: 'a/b', mtime: '1.5' }), file, {
    name: 'l',
    type: '2',
    link: 'x',
  });
  for (let round = 0; round < 2000; round += 1) {
    const archive = Buffer.from(good);
    for (let flips = 0; flips < 3; flips += 1) {
      archive[Math.floor(random() * archive.length)] = Math.floor(random() * 256);
    }
    const error = refusalOf(archive, 700);
    expect(
      error === null || (GondolinError.is(error) && error.code === 'IMAGE_LAYER_INVALID'),
    ).toBe(true);
  }
});
