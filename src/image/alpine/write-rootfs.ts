import type { LayerTree } from '../oci/layer/layer-tree.ts';
import type { LayerFile } from '../oci/layer/merge-layers.ts';
import type { AlpinePlan } from './alpine-plan.ts';
import { withPackages } from './fetch-packages.ts';
import { addGeneratedFiles } from './generated-files.ts';
import { PackageMerge, type ReadPackage } from './merge-packages.ts';
import type { MirrorContext } from './mirror.ts';
import { OWNER_FILE_MAX_BYTES, OWNER_FILES, readOwnerFile } from './owner-names.ts';
import { openPackageData, readPackageData } from './package-data.ts';
import type { PackageFile } from './package-file.ts';
import { type AlpineScript, listScripts } from './setup-scripts.ts';

/** The packages of a plan in one tree, and what is to run in it. The layers can be read while `use` runs. */
export interface AlpineTree {
  readonly tree: LayerTree;
  readonly layers: readonly LayerFile[];
  /** In this order. Until they have run the image is not as apk would have made it. */
  readonly scripts: readonly AlpineScript[];
}

/** Share of the work that downloading and reading are, in the progress. */
const SHARES = { download: 0.6, read: 0.2 } as const;

/**
 * Downloads the packages of a plan and merges them. Nothing of them is unpacked on this machine, and none of their scripts
 * runs here: packages are hostile input as layers of OCI images are.
 *
 * @throws {GondolinError} those of `withPackages`; IMAGE_LAYER_INVALID naming the entry; IMAGE_PACKAGES_CONFLICT for a file that
 * two packages have.
 */
export async function withAlpineTree<T>(
  plan: AlpinePlan,
  context: MirrorContext,
  use: (merged: AlpineTree) => Promise<T>,
): Promise<T> {
  const { signal, onProgress } = context;
  const downloading = {
    ...context,
    onProgress: (phase: string, message: string, fraction: number) =>
      onProgress(phase, message, SHARES.download * fraction),
  };
  return withPackages(plan, downloading, async (files) => {
    const read: ReadPackage[] = [];
    for (const [index, file] of files.entries()) {
      const fraction = SHARES.download + (SHARES.read * index) / files.length;
      onProgress('unpack', `reading ${file.pkg.name}-${file.pkg.version}`, fraction);
      read.push({ file, data: await readPackageData(file, OWNER_CONTENT, signal) });
    }
    return use(merge(plan, read));
  });
}

const OWNER_CONTENT = {
  names: new Set<string>(Object.values(OWNER_FILES)),
  maxBytes: OWNER_FILE_MAX_BYTES,
};

function merge(plan: AlpinePlan, packages: readonly ReadPackage[]): AlpineTree {
  const contentOf = (name: string) =>
    packages.map(({ data }) => data.contents.get(name)).findLast((one) => one !== undefined);
  const merging = new PackageMerge(packages, {
    users: readOwnerFile(contentOf(OWNER_FILES.users)),
    groups: readOwnerFile(contentOf(OWNER_FILES.groups)),
  });
  const installed = merging.run();
  const { tree } = merging;
  const scripts = listScripts(installed);
  const own = addGeneratedFiles(tree, packages.length, plan, installed, scripts);
  return { tree, scripts, layers: [...packages.map(layerOf), own] };
}

function layerOf({ file, data }: { file: PackageFile; data: ReadPackage['data'] }): LayerFile {
  return {
    diffId: data.diffId,
    sizeBytes: file.sizeBytes - file.dataStart,
    open: () => openPackageData(file),
  };
}
