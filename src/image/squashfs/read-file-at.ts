import { LAYER_LIMITS } from '../oci/layer/limits.ts';
import type { SquashfsInode } from './inode.ts';
import type { Squashfs } from './squashfs.ts';
import { squashfsInvalid } from './squashfs-error.ts';

/**
 * Finds what is at an absolute path of a squashfs, as a process whose root it is would: links are followed, and `..` at the
 * top stays there. Returns null where nothing is.
 *
 * @throws {GondolinError} IMAGE_INVALID.
 */
export async function findInode(image: Squashfs, path: string): Promise<SquashfsInode | null> {
  const root = await image.root();
  let links = 0;
  let trail: readonly SquashfsInode[] = [root];
  const words = path.split('/').toReversed();
  for (let word = words.pop(); word !== undefined; word = words.pop()) {
    const found = await enter(image, trail, word);
    if (found === null) return null;
    if ('target' in found) {
      links += 1;
      if (links > LAYER_LIMITS.linksFollowed) return null;
      if (found.target.startsWith('/')) trail = [root];
      words.push(...found.target.split('/').toReversed());
    } else {
      trail = found.trail;
    }
  }
  return trail.at(-1) ?? root;
}

/** Goes one word on from the last inode of a trail: the new trail, or the target of a link; null where nothing is. */
async function enter(
  image: Squashfs,
  trail: readonly SquashfsInode[],
  word: string,
): Promise<{ readonly trail: readonly SquashfsInode[] } | { readonly target: string } | null> {
  const directory = trail.at(-1);
  if (directory?.type !== 'directory') return null;
  if (word === '' || word === '.') return { trail };
  if (word === '..') return { trail: trail.length > 1 ? trail.slice(0, -1) : trail };
  const found = (await image.list(directory)).find(({ name }) => name === word);
  if (found === undefined) return null;
  const { inode } = found;
  return inode.type === 'symlink' ? { target: inode.target } : { trail: [...trail, inode] };
}

/**
 * Reads a file of a squashfs; returns null when no file has that path.
 * @throws {GondolinError} IMAGE_INVALID, also for one of more than `limitBytes`.
 */
export async function readFileAt(
  image: Squashfs,
  path: string,
  limitBytes: number,
): Promise<Buffer | null> {
  const inode = await findInode(image, path);
  if (inode?.type !== 'file') return null;
  if (inode.sizeBytes > limitBytes) {
    throw squashfsInvalid(`${path} has more than ${limitBytes} bytes`);
  }
  const parts: Buffer[] = [];
  for await (const part of image.content(inode)) parts.push(part);
  return Buffer.concat(parts);
}
