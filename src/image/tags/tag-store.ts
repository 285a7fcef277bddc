import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  formatImageTag,
  type ImageTag,
  imageTagDirectory,
  parseImageTag,
  parseImageTagDirectory,
} from '../../address/image-tag.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { sweepTemporaries } from '../../host/atomic-write.ts';
import { listSavedDirectories, removeSavedDirectory } from '../../host/saved-directories.ts';
import { asHostError } from '../../host/system-failure.ts';
import { readPathManifest } from '../path-image.ts';

/** An image with a name. */
export interface TaggedImage {
  /** The name, without a version that is not written. */
  readonly name: string;
  /** A directory for `imagePath`. */
  readonly directory: string;
  /** Null when its manifest is damaged. */
  readonly title: string | null;
  readonly createdAtMs: number | null;
  /** Bytes on disk. */
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly taggedAtMs: number;
}

/** @throws {GondolinError} IMAGE_TAG_INVALID */
export function readImageTag(text: string): ImageTag {
  const tag = parseImageTag(text);
  if (tag !== null) return tag;
  const shown = JSON.stringify(text.slice(0, 80));
  throw new GondolinError('IMAGE_TAG_INVALID', `${shown} is not a name for an image`);
}

/** The directory of an image of that name, whether there is one or not. */
export function taggedDirectory(parent: string, tag: ImageTag): string {
  return join(parent, imageTagDirectory(tag));
}

/** The directory of the image that a text names; null if the text is no name, or no image has it. */
export function findTagged(parent: string, text: string): string | null {
  const tag = parseImageTag(text);
  if (tag === null) return null;
  const directory = taggedDirectory(parent, tag);
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? directory : null;
}

/**
 * Lists the images with names, by name.
 * @param parent  `Directories.taggedImages`; need not exist.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE.
 */
export async function listTagged(parent: string): Promise<TaggedImage[]> {
  try {
    const isTag = (name: string) => parseImageTagDirectory(name) !== null;
    const found = await listSavedDirectories(parent, isTag);
    const images = found.map(async ({ name, path, diskBytes, lastUsedAtMs }) => {
      const tag = parseImageTagDirectory(name);
      const manifest = await readPathManifest(path).catch(nullWhenDamaged);
      return {
        name: tag === null ? name : formatImageTag(tag),
        directory: path,
        title: manifest?.title ?? null,
        createdAtMs: manifest?.createdAtMs ?? null,
        sizeBytes: diskBytes,
        taggedAtMs: lastUsedAtMs,
      };
    });
    return (await Promise.all(images)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw asHostError(error, parent);
  }
}

function nullWhenDamaged(error: unknown): null {
  if (GondolinError.is(error) && ['IMAGE_INVALID', 'IMAGE_NOT_FOUND'].includes(error.code)) {
    return null;
  }
  throw error;
}

/**
 * Removes the image of a name. A VM that runs on it continues.
 * @throws {GondolinError} IMAGE_TAG_UNKNOWN, HOST_DIRECTORY_UNUSABLE.
 */
export async function removeTagged(parent: string, tag: ImageTag): Promise<void> {
  let isRemoved: boolean;
  try {
    isRemoved = await removeSavedDirectory(parent, imageTagDirectory(tag));
    await sweepTemporaries(parent);
  } catch (error) {
    throw asHostError(error, parent);
  }
  if (!isRemoved) throw tagUnknown(tag);
}

function tagUnknown(tag: ImageTag): GondolinError {
  const name = formatImageTag(tag);
  return new GondolinError('IMAGE_TAG_UNKNOWN', `No image on this machine is named ${name}`);
}
