import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestBytes } from '../../../../src/image/cache/verify-files.ts';
import type { LayerEntry } from '../../../../src/image/oci/layer/layer-entry.ts';
import { TarReader } from '../../../../src/image/oci/layer/tar-reader.ts';
import {
  encodeLayerEntry,
  LAYER_END,
  tarPadding,
} from '../../../../src/image/oci/layer/tar-writer.ts';
import { findInode, readFileAt } from '../../../../src/image/squashfs/read-file-at.ts';
import { Squashfs } from '../../../../src/image/squashfs/squashfs.ts';
import { writeTar } from '../../../../src/image/squashfs/write-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

interface Made {
  readonly entry: LayerEntry;
  readonly content: Buffer;
}

const PLAIN = {
  ...{ type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 1_700_000_000, linkName: '' },
  ...{ major: 0, minor: 0, attributes: new Map<string, Buffer>() },
  ...{ userName: '', groupName: '' },
} as const;

function made(name: string, about: Partial<LayerEntry> = {}, content: Buffer | string = ''): Made {
  const bytes = Buffer.from(content);
  return { entry: { ...PLAIN, ...about, name, size: bytes.length } as LayerEntry, content: bytes };
}

const noise = Buffer.from(Array.from({ length: 300_001 }, (_, index) => (index * 7919) % 251));
const entries: readonly Made[] = [
  made('./', { type: 'directory', mode: 0o755 }),
  made('dev/', { type: 'directory', mode: 0o755 }),
  made('dev/disk', { type: 'block', mode: 0o660, major: 259, minor: 70_000 }),
  made('dev/null', { type: 'character', mode: 0o666, major: 1, minor: 3 }),
  made('empty', { mode: 0 }),
  made('large', { uid: 70_000, gid: 4_000_000_000 }, noise),
  made('link', { type: 'symlink', mode: 0o777, linkName: '/var/lib/../lib/list' }),
  made('loop', { type: 'symlink', mode: 0o777, linkName: 'loop' }),
  made('many/', { type: 'directory', mode: 0o1777 }),
  ...Array.from({ length: 700 }, (_, index) =>
    made(`many/${String(index).padStart(4, '0')}-${'x'.repeat(200)}`, {}, `${index}`),
  ),
  made('pipe', { type: 'fifo', mode: 0o600 }),
  made('tool', {
    mode: 0o4755,
    attributes: new Map([
      ['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')],
      ['user.long', Buffer.alloc(3000, 'v')],
    ]),
  }),
  made('var/', { type: 'directory', mode: 0o755 }),
  made('var/lib/', { type: 'directory', mode: 0o755 }),
  made('var/lib/list', {}, 'one\ntwo\n'),
  made('zeros', {}, Buffer.alloc(1_000_000)),
];

function archive(list: readonly Made[]): Buffer {
  const parts = list.flatMap(({ entry, content }) => [
    encodeLayerEntry(entry),
    content,
    tarPadding(content.length),
  ]);
  return Buffer.concat([...parts, LAYER_END]);
}

function pack(tar: Buffer, options: readonly string[]): string {
  const path = join(temporaryDirectory(), 'rootfs.squashfs');
  const root = ['-root-mode', '755', '-mkfs-time', '1700000000', '-no-progress'];
  execFileSync('sqfstar', [...options, ...root, path], { input: tar, stdio: 'pipe' });
  return path;
}

function readArchive(tar: Buffer): Made[] {
  const found: { entry: LayerEntry; content: Buffer }[] = [];
  const reader = new TarReader({
    onEntry: (entry) => {
      found.push({ entry, content: Buffer.alloc(0) });
      return true;
    },
    onContent: (chunk) => {
      const last = found.at(-1);
      if (last !== undefined) last.content = Buffer.concat([last.content, chunk]);
    },
    onContentEnd: () => undefined,
  });
  reader.write(tar);
  reader.end();
  return found;
}

async function tarOf(path: string): Promise<Buffer> {
  const image = await Squashfs.open(path);
  try {
    const parts: Buffer[] = [];
    for await (const part of writeTar(image)) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    await image.close();
  }
}

describe('a squashfs as a tar archive', () => {
  it.each([['lz4'], ['gzip'], ['lz4', '-no-fragments', '-noI'], ['gzip', '-b', '4096']])(
    'has every entry with its owner, mode, times, attributes and content: %s %s %s',
    async (comp, ...rest) => {
      const path = pack(archive(entries), ['-comp', comp, ...rest]);
      const own = readArchive(await tarOf(path));
      // sqfstar sets the time of the root itself.
      const withoutRoot = (list: readonly Made[]) =>
        list
          .filter(({ entry }) => entry.name !== './')
          .map(({ entry, content }) => ({ entry, digest: digestBytes(content) }));
      expect(own.length).toBe(entries.length);
      expect(withoutRoot(own)).toEqual(withoutRoot(entries));
    },
  );

  it('has a name for each hard link, and the content once', async () => {
    const directory = join(temporaryDirectory(), 'tree');
    mkdirSync(directory);
    writeFileSync(join(directory, 'a'), 'content');
    execFileSync('ln', [join(directory, 'a'), join(directory, 'b')]);
    const path = join(temporaryDirectory(), 'x.squashfs');
    execFileSync('mksquashfs', [directory, path, '-comp', 'lz4', '-quiet', '-no-progress']);
    const own = readArchive(await tarOf(path)).map(({ entry, content }) => [
      ...[entry.type, entry.name, entry.linkName],
      content.toString(),
    ]);
    expect(own.slice(1)).toEqual([
      ['file', 'a', '', 'content'],
      ['link', 'b', 'a', ''],
    ]);
  });
});

it('readFileAt() follows links inside the root, and gives null for what is not there', async () => {
  const image = await Squashfs.open(pack(archive(entries), ['-comp', 'lz4']));
  try {
    expect((await readFileAt(image, '/link', 100))?.toString()).toBe('one\ntwo\n');
    expect((await readFileAt(image, '../../var/lib/list', 100))?.toString()).toBe('one\ntwo\n');
    for (const path of ['/loop', '/none', '/empty/x', '/var']) {
      expect(await readFileAt(image, path, 100), path).toBeNull();
    }
    expect((await findInode(image, '/'))?.type).toBe('directory');
    await expect(readFileAt(image, '/large', 100)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  } finally {
    await image.close();
  }
});

const isSmall = ({ entry }: Made) => entry.size < 100 && !/^many.0.[1-9]/.test(entry.name);

it('a squashfs with any byte changed, or cut off, gives IMAGE_INVALID or an archive, and never another error', async () => {
  const path = pack(archive(entries.filter(isSmall)), ['-comp', 'gzip']);
  const good = readFileSync(path);
  const bad = join(temporaryDirectory(), 'bad');
  let refused = 0;
  for (let round = 0; round < 120; round += 1) {
    // Superblock and tables, where the numbers are, more often than content.
    const at = round < 96 ? round : good.length - 1 - ((round * 37) % Math.min(good.length, 4000));
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (round % 8));
    writeFileSync(bad, round % 50 === 49 ? good.subarray(0, at) : bytes);
    try {
      await tarOf(bad);
    } catch (error) {
      expect(error, `byte ${at}`).toMatchObject({ code: 'IMAGE_INVALID' });
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(20);
});

it('a file that is no squashfs, or one of a compression that is not read, is refused by name', async () => {
  const other = join(temporaryDirectory(), 'other');
  writeFileSync(other, 'hello');
  await expect(Squashfs.open(other)).rejects.toThrow('it is not a squashfs');
  await expect(Squashfs.open(pack(archive(entries.slice(0, 3)), ['-comp', 'xz']))).rejects.toThrow(
    'it is compressed with xz',
  );
});
