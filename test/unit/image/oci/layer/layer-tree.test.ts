import { expect, it } from 'vitest';
import type { LayerEntry } from '../../../../../src/image/oci/layer/layer-entry.ts';
import { LayerTree } from '../../../../../src/image/oci/layer/layer-tree.ts';
import { LAYER_LIMITS } from '../../../../../src/image/oci/layer/limits.ts';
import { paxHeader, rawEntry, rawTar } from '../../../../fixtures/oci/raw-tar.ts';
import { listTree, readLayers } from './read-layers.ts';

const directory = (name: string) => ({ name, type: '5', mode: 0o755 });
const file = (name: string, content = '') => ({ name, content });
const link = (name: string, target: string) => ({ name, type: '1', link: target });
const symlink = (name: string, target: string) => ({ name, type: '2', link: target });

const TREES: readonly (readonly [string, readonly Buffer[], readonly string[]])[] = [
  [
    'later layers replace files and keep directories',
    [
      rawTar(directory('d/'), file('d/a'), file('d/b')),
      rawTar(directory('d/'), file('d/a', 'new')),
    ],
    ['d d', 'f d/a', 'f d/b'],
  ],
  ['missing parents are made', [rawTar(file('a/b/c'))], ['d a', 'd a/b', 'f a/b/c']],
  [
    'a leading slash or dot means the root',
    [rawTar(directory('./'), file('/etc/x'), file('./etc/y'), file('etc//./z'))],
    ['d etc', 'f etc/x', 'f etc/y', 'f etc/z'],
  ],
  [
    'a whiteout removes a tree of the layers below',
    [rawTar(file('d/a/b'), file('d/c')), rawTar(file('d/.wh.a'))],
    ['d d', 'f d/c'],
  ],
  [
    'a whiteout leaves what its own layer brings, before it and after it',
    [
      rawTar(file('d/old'), file('e/old')),
      rawTar(file('d/new'), file('.wh.d'), file('.wh.e'), file('e/new')),
    ],
    ['d d', 'f d/new', 'd e', 'f e/new'],
  ],
  [
    'an opaque directory keeps only what its own layer brings',
    [
      rawTar(file('d/a'), file('d/sub/x'), file('d/sub/y')),
      rawTar(directory('d/'), file('d/sub/z'), file('d/.wh..wh..opq'), file('d/b')),
    ],
    ['d d', 'f d/b', 'd d/sub', 'f d/sub/z'],
  ],
  ['a whiteout of nothing is nothing', [rawTar(file('.wh.x'), file('q/.wh.x'))], []],
  ['records of AUFS are skipped', [rawTar(file('.wh..wh.plnk'), file('.wh..wh.aufs'))], []],
  [
    'a directory replaces a file and a link, and the other way round',
    [
      rawTar(file('a'), symlink('b', 'a'), directory('c'), file('c/x')),
      rawTar(directory('a'), directory('b'), file('c')),
    ],
    ['d a', 'd b', 'f c'],
  ],
  [
    'a link to a directory is followed within the tree, as in a container',
    [
      rawTar(directory('usr/lib'), symlink('lib', 'usr/lib'), symlink('abs', '/usr/../usr/lib')),
      rawTar(file('lib/one'), file('abs/two'), file('lib/.wh.none')),
    ],
    [
      'l abs>/usr/../usr/lib',
      'l lib>usr/lib',
      'd usr',
      'd usr/lib',
      'f usr/lib/one',
      'f usr/lib/two',
    ],
  ],
  [
    'a link that climbs stays at the root of the tree',
    [rawTar(symlink('out', '../../../../tmp'), file('out/x'))],
    ['l out>../../../../tmp', 'd tmp', 'f tmp/x'],
  ],
  [
    'a directory has a slash in archives from before ustar',
    [rawTar({ name: 'd/', type: '\0', magic: '' }, { name: 'd/f', type: '\0', magic: '' })],
    ['d d', 'f d/f'],
  ],
  [
    'long names come in all three forms',
    [
      rawTar(
        ...[paxHeader({ path: `p/${'a'.repeat(200)}` }), file('short')],
        ...[rawEntry({ type: 'L', content: `g/${'b'.repeat(200)}\0` }), file('short')],
        file('c'.repeat(100)),
        { prefix: 'u/v', name: 'w' },
      ),
    ],
    [
      ...[`f ${'c'.repeat(100)}`, 'd g', `f g/${'b'.repeat(200)}`, 'd p', `f p/${'a'.repeat(200)}`],
      ...['d u', 'd u/v', 'f u/v/w'],
    ],
  ],
  [
    'a global header is about nothing here',
    [rawTar({ type: 'g', content: '15 path=../evil\n' }, file('x'))],
    ['f x'],
  ],
];

it.each(TREES)('%s', (_name, archives, want) => {
  expect(listTree(readLayers(archives).root)).toEqual(want);
});

it('a hard link shares what it links to, which a later layer may replace under one name', () => {
  const tree = readLayers([
    rawTar(file('a', 'old'), link('b', 'a')),
    rawTar(link('c', './b'), file('a', 'new!')),
  ]);
  const at = (name: string) => tree.root.children?.get(name)?.inode;
  expect(at('b')).toBe(at('c'));
  expect([at('a'), at('b')]).toMatchObject([
    { layer: 1, entry: 1, size: 4 },
    { layer: 0, entry: 0, size: 3 },
  ]);
});

it('owners, modes, times and attributes are those of the archive', () => {
  const attributes = {
    'SCHILY.xattr.user.a': Buffer.from([0, 10, 255]),
    'SCHILY.xattr.security.capability': 'c',
    'SCHILY.xattr.security.selinux': 'dropped',
    'SCHILY.xattr.trusted.overlay.opaque': 'y',
    'SCHILY.xattr.system.posix_acl_access': 'dropped',
  };
  const tree = readLayers([
    rawTar(
      paxHeader({ uid: '3000000', gid: '70000', mtime: '12.75', ...attributes }),
      { name: 'f', mode: 0o104755 },
      { name: 'n', type: '3', major: 1, minor: 3, mtime: Buffer.alloc(12, 0xff) },
    ),
  ]);
  const at = (name: string) => tree.root.children?.get(name)?.inode;
  expect(at('f')).toMatchObject({ mode: 0o4755, uid: 3_000_000, gid: 70_000, mtime: 12 });
  expect([...(at('f')?.attributes ?? [])]).toEqual([
    ['user.a', Buffer.from([0, 10, 255])],
    ['security.capability', Buffer.from('c')],
  ]);
  expect(at('n')).toMatchObject({ type: 'character', major: 1, minor: 3, mtime: 0 });
});

it('an archive may end without padding and end mark, as those of umoci', () => {
  const archive = rawEntry({ name: 'last', content: 'x'.repeat(600), isUnpadded: true });
  expect(listTree(readLayers([archive]).root)).toEqual(['f last']);
});

it('numbers may be in base 256', () => {
  const uid = Buffer.from([0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0]);
  const tree = readLayers([rawTar({ name: 'f', uid })]);
  expect(tree.root.children?.get('f')?.inode.uid).toBe(3_000_000);
});

it('a tree has a greatest number of files, and replaced ones do not count', () => {
  const tree = new LayerTree({ ...LAYER_LIMITS, nodes: 3, entries: 1000 });
  const file = (name: string): LayerEntry => ({
    ...{ type: 'file', name, mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0, linkName: '' },
    ...{ major: 0, minor: 0, attributes: new Map() },
  });
  for (let count = 0; count < 100; count += 1) tree.apply(file('d/a'), 0, count);
  tree.apply(file('b'), 0, 100);
  const refused = expect.objectContaining({ code: 'IMAGE_LAYER_INVALID' });
  expect(() => tree.apply(file('c'), 0, 101)).toThrow(refused);
});

it('entries that replace each other have a greatest number too', () => {
  const tree = new LayerTree({ ...LAYER_LIMITS, entries: 2 });
  const refused = expect.objectContaining({ code: 'IMAGE_LAYER_INVALID' });
  const directory = { ...tree.root.inode, name: './' };
  for (let count = 0; count < 2; count += 1) tree.apply(directory, 0, count);
  expect(() => tree.apply(directory, 0, 2)).toThrow(refused);
});
