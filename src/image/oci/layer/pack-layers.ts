import { join, posix } from 'node:path';
import { type RunToolsOptions, runTools } from '../../process/run-tools.ts';
import { SAFE_SQFSTAR_OPTIONS } from '../../process/sqfstar-options.ts';
import { requireBuildTools } from '../../process/tool.ts';
import type { LayerInode, LayerTree } from './layer-tree.ts';
import { type LayerFile, LayerProgress, readLayerTree, writeLayerTree } from './merge-layers.ts';
import { setRootTime } from './root-time.ts';

export interface PackLayersOptions extends Omit<RunToolsOptions, 'onLine' | 'input'> {
  /** Directory of the entry; receives `rootfs.squashfs`. */
  readonly target: string;
  /** An absolute path in the image that becomes a directory of root's if there is nothing; empty for none. @default none */
  readonly workingDir?: string;
  /** @param fraction  Share of the work that is done, 0..1. */
  readonly onProgress: (fraction: number) => void;
}

/** So that equal layers give equal bytes. */
const FILE_SYSTEM_TIME = '1735689600';

/**
 * Makes the root file system of an image: reads the layers twice, first for the names of the finished tree, then for the
 * content of what is in it, which goes to sqfstar as one archive. No tree is written to this disk, so that owners and modes
 * need no rights here, and no path of a layer is ever one of the host.
 *
 * @param layers  The lowest first.
 * @throws {GondolinError} IMAGE_LAYER_INVALID, IMAGE_DIGEST_MISMATCH, IMAGE_TOOL_MISSING, IMAGE_BUILD_FAILED.
 */
export async function packLayers(
  layers: readonly LayerFile[],
  options: PackLayersOptions,
): Promise<void> {
  requireSqfstar();
  const progress = new LayerProgress(layers, 2, options.onProgress);
  const tree = await readLayerTree(layers, options.signal, progress);
  const { workingDir = '' } = options;
  if (workingDir !== '') tree.ensureDirectory(posix.normalize(workingDir));
  await packTree(tree, layers, options, progress);
}

function requireSqfstar(): string {
  return requireBuildTools(['sqfstar'], 'pack the root file system').sqfstar;
}

/**
 * Makes the root file system of a tree that was read before, with its content from the layers.
 * @throws {GondolinError} as {@link packLayers}.
 */
export async function packTree(
  tree: LayerTree,
  layers: readonly LayerFile[],
  options: PackLayersOptions,
  progress: LayerProgress = new LayerProgress(layers, 1, options.onProgress),
): Promise<void> {
  const sqfstar = requireSqfstar();
  const output = join(options.target, 'rootfs.squashfs');
  const args = [...sqfstarOptions(tree.root.inode), output];
  await runTools([{ name: 'sqfstar', file: sqfstar, args }], {
    ...options,
    input: (stdin) => writeLayerTree(tree, layers, stdin, options.signal, progress),
  });
  await setRootTime(output, tree.root.inode.mtime);
}

function sqfstarOptions({ mode, uid, gid }: LayerInode): string[] {
  return [
    // The time of the root is set afterwards, which takes inodes that are not compressed.
    ...['-comp', 'lz4', '-noI', '-no-progress', '-exit-on-error', '-mkfs-time', FILE_SYSTEM_TIME],
    ...SAFE_SQFSTAR_OPTIONS,
    ...['-root-mode', mode.toString(8), '-root-uid', String(uid), '-root-gid', String(gid)],
  ];
}
