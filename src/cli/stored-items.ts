import { join } from 'node:path';
import { type Directories, NAMES } from '../host/directories.ts';
import { listSavedDirectories } from '../host/saved-directories.ts';
import { isEntryKey } from '../image/cache/layout.ts';
import { type CachedImage, listImages } from '../image/list-images.ts';
import { listTagged } from '../image/tags/tag-store.ts';
import { CheckpointStore } from '../project/checkpoint/checkpoint-store.ts';
import { SnapshotStore } from '../project/snapshot/snapshot-store.ts';
import { TemplateStore } from '../vm/snapshot/template-store.ts';

/** An item that gondolin keeps on disk: an entry of the image cache, or a saved machine. */
export interface StoredItem extends Omit<CachedImage, 'kind'> {
  readonly kind:
    | CachedImage['kind']
    | 'builder'
    | 'template'
    | 'checkpoint'
    | 'snapshot'
    | 'tagged';
  /** The project that saved it; null for items that projects share. */
  readonly project: string | null;
}

async function storedImages({ cache }: Directories): Promise<StoredItem[]> {
  return (await listImages(cache)).map((image) => ({ ...image, project: null }));
}

async function storedTags({ taggedImages }: Directories): Promise<StoredItem[]> {
  const images = await listTagged(taggedImages);
  return images.map(({ name, title, sizeBytes, createdAtMs, taggedAtMs }) => ({
    ...{ kind: 'tagged', key: name, title, sizeBytes, createdAtMs },
    ...{ lastUsedAtMs: taggedAtMs, project: null },
  }));
}

async function storedBuilders({ cache }: Directories): Promise<StoredItem[]> {
  const entries = await listSavedDirectories(join(cache, NAMES.builders), isEntryKey);
  return entries.map(({ name, diskBytes, lastUsedAtMs }) => ({
    kind: 'builder',
    key: name,
    title: 'instructions of a Dockerfile',
    sizeBytes: diskBytes,
    createdAtMs: null,
    lastUsedAtMs,
    project: null,
  }));
}

async function storedTemplates({ templates }: Directories): Promise<StoredItem[]> {
  const entries = await new TemplateStore(templates).list();
  return entries.map(({ name, diskBytes, lastUsedAtMs, image }) => ({
    kind: 'template',
    key: name,
    title: image ?? 'warm start',
    sizeBytes: diskBytes,
    createdAtMs: null,
    lastUsedAtMs,
    project: null,
  }));
}

async function storedCheckpoints({ checkpoints }: Directories): Promise<StoredItem[]> {
  const entries = await new CheckpointStore(checkpoints).list();
  return entries.map(({ name, diskBytes, lastUsedAtMs, facts }) => ({
    kind: 'checkpoint',
    key: name,
    title: facts === null ? null : `${facts.project} ${facts.sandbox}: ${facts.step}`,
    sizeBytes: diskBytes,
    createdAtMs: facts?.createdAtMs ?? null,
    lastUsedAtMs,
    project: facts?.project ?? null,
  }));
}

async function storedSnapshots({ snapshots }: Directories): Promise<StoredItem[]> {
  const entries = await new SnapshotStore(snapshots).list();
  return entries.map(({ name, diskBytes, lastUsedAtMs, facts }) => ({
    kind: 'snapshot',
    key: name,
    title: facts === null ? null : `${facts.project} ${facts.sandbox}`,
    sizeBytes: diskBytes,
    createdAtMs: facts?.createdAtMs ?? null,
    lastUsedAtMs,
    project: facts?.project ?? null,
  }));
}

/**
 * Lists everything that gondolin keeps on disk, most recently used first.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE
 */
export async function listStoredItems(directories: Directories): Promise<StoredItem[]> {
  const lists = await Promise.all([
    storedImages(directories),
    storedTags(directories),
    storedBuilders(directories),
    storedTemplates(directories),
    storedCheckpoints(directories),
    storedSnapshots(directories),
  ]);
  return lists.flat().toSorted((a, b) => b.lastUsedAtMs - a.lastUsedAtMs);
}

/** The kinds shown to users: the parts of images, and what their builds keep, are one kind. */
export const STORED_KINDS = ['images', 'tagged', 'templates', 'checkpoints', 'snapshots'] as const;
export type StoredKind = (typeof STORED_KINDS)[number];

/** Returns the kind of an item as shown to users. */
export function toStoredKind({ kind }: StoredItem): StoredKind {
  switch (kind) {
    case 'template':
      return 'templates';
    case 'checkpoint':
      return 'checkpoints';
    case 'tagged':
      return 'tagged';
    case 'snapshot':
      return 'snapshots';
    case 'kernel':
    case 'rootfs':
    case 'initramfs':
    case 'layer':
    case 'builder':
      return 'images';
  }
}
