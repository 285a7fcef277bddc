import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import { LAYER_LIMITS } from '../oci/layer/limits.ts';
import { encodeLayerEntry, LAYER_END, tarPadding } from '../oci/layer/tar-writer.ts';
import type { SquashfsInode } from './inode.ts';
import type { Squashfs } from './squashfs.ts';
import { squashfsInvalid } from './squashfs-error.ts';

/** One inode with the path that it is found at first. */
interface Found {
  readonly path: string;
  readonly inode: SquashfsInode;
}

/**
 * Writes a squashfs as one tar archive: owners, modes, times, hard links, devices and extended attributes are kept; sockets are
 * left out. The same file system gives the same bytes.
 *
 * @throws {GondolinError} IMAGE_INVALID.
 */
export async function* writeTar(image: Squashfs): AsyncGenerator<Buffer> {
  const first = new Map<number, string>();
  for await (const { path, inode } of walk(image)) {
    const { type } = inode;
    if (type === 'socket') continue;
    const isLinked = inode.type !== 'directory' && inode.linkCount > 1;
    const known = isLinked ? first.get(inode.number) : undefined;
    if (isLinked && known === undefined) first.set(inode.number, path);
    yield encodeLayerEntry(await toEntry(image, path, { ...inode, type }, known));
    if (inode.type !== 'file' || known !== undefined) continue;
    yield* image.content(inode);
    const padding = tarPadding(inode.sizeBytes);
    if (padding.length > 0) yield padding;
  }
  yield LAYER_END;
}

/** Every inode below the root and the root itself, a directory before what is in it. */
async function* walk(image: Squashfs): AsyncGenerator<Found> {
  const seen = new Set<number>();
  const waiting: Found[] = [{ path: '', inode: await image.root() }];
  let count = 0;
  for (let found = waiting.pop(); found !== undefined; found = waiting.pop()) {
    yield found;
    const { path, inode } = found;
    if (inode.type !== 'directory') continue;
    if (seen.has(inode.number)) throw squashfsInvalid('a directory is in two places');
    seen.add(inode.number);
    const below = (await image.list(inode)).map(({ name, inode: one }) => ({
      path: path === '' ? name : `${path}/${name}`,
      inode: one,
    }));
    count += below.length;
    if (count > LAYER_LIMITS.entries) throw squashfsInvalid('it has too many files');
    const long = below.find(({ path: one }) => one.length > LAYER_LIMITS.pathBytes);
    if (long !== undefined) throw squashfsInvalid('a path in it is too long');
    waiting.push(...below.toReversed());
  }
}

async function toEntry(
  image: Squashfs,
  path: string,
  inode: SquashfsInode & { readonly type: LayerEntry['type'] },
  linkName: string | undefined,
): Promise<LayerEntry> {
  const { type, mode, mtime, major, minor, target, sizeBytes } = inode;
  const name = type === 'directory' ? `${path === '' ? '.' : path}/` : path;
  const about = { name, mode, mtime, ...(await image.owner(inode)) };
  if (linkName !== undefined) {
    return { ...about, ...NO_DEVICE, type: 'link', size: 0, linkName, attributes: new Map() };
  }
  const attributes = await image.attributes(inode);
  return { ...about, type, size: sizeBytes, linkName: target, major, minor, attributes };
}

const NO_DEVICE = { major: 0, minor: 0 };
