import { join } from 'node:path';
import type { ArtifactKind } from '../guest-image.ts';

/** Every name the image cache puts on disk, below `<cache>/images`. */
export const ARTIFACT_KINDS = [
  'kernel',
  'rootfs',
  'initramfs',
  'layer',
] as const satisfies ArtifactKind[];

/** The files of an entry besides its manifest. Names come from here, never from a manifest. */
export const ARTIFACT_FILES = {
  kernel: ['vmlinux', 'modules.cpio'],
  rootfs: ['rootfs.squashfs'],
  initramfs: ['initramfs.cpio'],
  layer: ['blob'],
} as const satisfies Record<ArtifactKind, readonly string[]>;

export const MANIFEST_NAME = 'manifest.json';
/** Metadata of the files when their digests were last checked. */
export const STAMP_NAME = 'verified.json';

/** The paths of one artifact of one key and of its locks. */
export interface EntryPlace {
  readonly kind: ArtifactKind;
  /** 64 hex digits. */
  readonly key: string;
  /** Holds the entries of this kind and what is still being written. */
  readonly parent: string;
  readonly directory: string;
  /** Held shared while the files are in use, exclusive to remove them. */
  readonly useLockPath: string;
  /** Held exclusive to build the entry. */
  readonly buildLockPath: string;
}

const KEY = /^[0-9a-f]{64}$/;

export function isEntryKey(name: string): boolean {
  return KEY.test(name);
}

export function imagesDirectory(cacheDirectory: string): string {
  return join(cacheDirectory, 'images');
}

/** Build logs: kept where a build failed. */
export function logsDirectory(cacheDirectory: string): string {
  return join(imagesDirectory(cacheDirectory), 'logs');
}

/** Layers that are being downloaded, by their digests. They stay when a download breaks off. */
export function partialDirectory(cacheDirectory: string): string {
  return join(imagesDirectory(cacheDirectory), 'partial');
}

/** Records of the references that were pulled. */
export function referencesDirectory(cacheDirectory: string): string {
  return join(imagesDirectory(cacheDirectory), 'references');
}

/** @throws {RangeError} when the key is not 64 hex digits: a bug of the caller. */
export function entryPlace(cacheDirectory: string, kind: ArtifactKind, key: string): EntryPlace {
  if (!isEntryKey(key)) throw new RangeError(`'${key}' is not a cache key`);
  const images = imagesDirectory(cacheDirectory);
  const parent = join(images, kind);
  return {
    kind,
    key,
    parent,
    directory: join(parent, key),
    useLockPath: join(images, 'locks', `${kind}-${key}.use`),
    buildLockPath: join(images, 'locks', `${kind}-${key}.build`),
  };
}
