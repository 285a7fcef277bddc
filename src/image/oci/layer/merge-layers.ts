import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { decompressLayer } from './decompress.ts';
import type { LayerEntry } from './layer-entry.ts';
import { type LayerInode, type LayerNode, LayerTree } from './layer-tree.ts';
import { type TarHandler, TarReader } from './tar-reader.ts';
import { encodeLayerEntry, LAYER_END, tarPadding } from './tar-writer.ts';

/** A layer that is on this disk. */
export interface LayerFile {
  /** Digest of the uncompressed archive, `sha256:` and 64 hex digits: it is checked each time the layer is read. */
  readonly diffId: string;
  /** As it is stored, for the progress. */
  readonly sizeBytes: number;
  open(): Readable;
}

/**
 * Reads the names of the tree that layers make.
 * @param layers  The lowest first.
 * @throws {GondolinError} IMAGE_LAYER_INVALID, IMAGE_DIGEST_MISMATCH.
 */
export async function readLayerTree(
  layers: readonly LayerFile[],
  signal: AbortSignal,
  progress: LayerProgress,
): Promise<LayerTree> {
  const tree = new LayerTree();
  for (const [number, layer] of layers.entries()) {
    let index = 0;
    await readLayer(layer, signal, progress, {
      onEntry: (entry) => {
        tree.apply(entry, number, index);
        index += 1;
        return false;
      },
      onContent: () => undefined,
      onContentEnd: () => undefined,
    });
  }
  return tree;
}

/** The share of the layers' bytes that were read. */
export class LayerProgress {
  readonly #total: number;
  readonly #tell: (fraction: number) => void;
  #done = 0;

  /** @param passes  How often each layer is read. */
  constructor(layers: readonly LayerFile[], passes: number, tell: (fraction: number) => void) {
    this.#total = Math.max(1, passes * layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    this.#tell = tell;
  }

  add(bytes: number): void {
    this.#done += bytes;
    this.#tell(Math.min(1, this.#done / this.#total));
  }
}

/** Reads one layer from its first byte to its last, and checks its digest. `afterChunk` slows the reading down. */
async function readLayer(
  layer: LayerFile,
  signal: AbortSignal,
  progress: LayerProgress,
  handler: TarHandler,
  afterChunk: () => Promise<void> | undefined = () => undefined,
): Promise<void> {
  const hash = createHash('sha256');
  const reader = new TarReader(handler);
  const input = layer.open();
  try {
    for await (const chunk of decompressLayer(input, (bytes) => progress.add(bytes))) {
      signal.throwIfAborted();
      hash.update(chunk);
      reader.write(chunk);
      const wait = afterChunk();
      if (wait !== undefined) await wait;
    }
  } finally {
    input.destroy();
  }
  reader.end();
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== layer.diffId) {
    throw new GondolinError(
      'IMAGE_DIGEST_MISMATCH',
      `Cannot unpack the image: a layer has the digest ${digest}, and its configuration says ${layer.diffId}`,
    );
  }
}

/** Content that is to be written under a name, by the number of its entry. */
type Contents = ReadonlyMap<number, { readonly name: string; readonly inode: LayerInode }>;

/**
 * Writes the tree as one archive, with names in the order of their bytes, links after what they name, and the content from the layers.
 * @throws {GondolinError} IMAGE_LAYER_INVALID, IMAGE_DIGEST_MISMATCH.
 */
export async function writeLayerTree(
  tree: LayerTree,
  layers: readonly LayerFile[],
  output: Writable,
  signal: AbortSignal,
  progress: LayerProgress,
): Promise<void> {
  const send = async (bytes: Buffer): Promise<void> => {
    if (!output.write(bytes)) await once(output, 'drain', { signal });
  };
  const { links, contents } = await writeSkeleton(tree, layers.length, send);
  for (const [number, layer] of layers.entries()) {
    const wanted = contents[number];
    if (wanted === undefined || wanted.size === 0) progress.add(layer.sizeBytes);
    else await writeContents(layer, wanted, output, signal, progress);
  }
  for (const link of links) await send(link);
  await send(LAYER_END);
}

/** Writes everything that has no content; the names of one thing after its first are for the end. */
async function writeSkeleton(
  tree: LayerTree,
  layerCount: number,
  send: (bytes: Buffer) => Promise<void>,
): Promise<{ links: Buffer[]; contents: Contents[] }> {
  const contents = Array.from({ length: layerCount }, () => new Map());
  const firstNames = new Map<LayerInode, string>();
  const links: Buffer[] = [];
  for (const { name, inode } of walkTree(tree.root, '')) {
    const first = inode.type === 'directory' ? undefined : firstNames.get(inode);
    if (first !== undefined) {
      links.push(encodeLayerEntry(asLink(inode, name, first)));
      continue;
    }
    firstNames.set(inode, name);
    if (inode.type === 'file' && inode.size > 0) {
      contents[inode.layer]?.set(inode.entry, { name, inode });
    } else {
      await send(encodeLayerEntry(asEntry(inode, name)));
    }
  }
  return { links, contents };
}

/** Names in the order of their bytes, each directory before what is in it. */
function* walkTree(
  node: LayerNode,
  path: string,
): Generator<{ readonly name: string; readonly inode: LayerInode }> {
  const children = [...(node.children ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [part, child] of children) {
    const name = path === '' ? part : `${path}/${part}`;
    yield { name, inode: child.inode };
    yield* walkTree(child, name);
  }
}

function asEntry(inode: LayerInode, name: string): LayerEntry {
  return { ...inode, name };
}

function asLink(inode: LayerInode, name: string, first: string): LayerEntry {
  return { ...inode, type: 'link', name, linkName: first, size: 0, attributes: new Map() };
}

async function writeContents(
  layer: LayerFile,
  wanted: Contents,
  output: Writable,
  signal: AbortSignal,
  progress: LayerProgress,
): Promise<void> {
  let index = -1;
  let size = 0;
  let isFull = false;
  const write = (bytes: Buffer): void => {
    isFull = !output.write(bytes) || isFull;
  };
  const handler: TarHandler = {
    onEntry: (entry) => {
      index += 1;
      const found = wanted.get(index);
      if (found === undefined || found.inode.size !== entry.size) return false;
      size = entry.size;
      write(encodeLayerEntry(asEntry(found.inode, found.name)));
      return true;
    },
    // The pipe may keep it until the reader has moved on.
    onContent: (chunk) => write(Buffer.from(chunk)),
    onContentEnd: () => write(tarPadding(size)),
  };
  await readLayer(layer, signal, progress, handler, () => {
    if (!isFull) return undefined;
    isFull = false;
    return output.writableNeedDrain
      ? once(output, 'drain', { signal }).then(() => undefined)
      : undefined;
  });
}
