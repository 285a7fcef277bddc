import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { eachAtOnce } from '../../util/each-at-once.ts';
import { formatBytes } from '../../util/quantities.ts';
import { ensureEntry, type HeldEntry } from '../cache/entry.ts';
import { keepUntilReady } from '../cache/keep-until-ready.ts';
import { ARTIFACT_FILES, entryPlace, partialDirectory } from '../cache/layout.ts';
import type { AlpinePlan, PlannedPackage } from './alpine-plan.ts';
import { type MirrorContext, withMirror } from './mirror.ts';
import type { MirrorClient } from './mirror-client.ts';
import { readPackageData } from './package-data.ts';
import { openPackage, type PackageFile } from './package-file.ts';

/** Packages that are downloaded at once. */
const DOWNLOADS = 4;
const NOTHING_WANTED = { names: new Set<string>(), maxBytes: 0 };

/**
 * Gives `use` the packages of a plan as checked files, downloaded where the cache does not have them. They stay in the
 * cache at least until `use` has returned.
 *
 * @throws {GondolinError} IMAGE_MIRROR_FAILED, IMAGE_REPOSITORY_INVALID, IMAGE_SIGNATURE_INVALID, IMAGE_LAYER_INVALID.
 */
export async function withPackages<T>(
  plan: AlpinePlan,
  context: MirrorContext,
  use: (files: readonly PackageFile[]) => Promise<T>,
): Promise<T> {
  const held: HeldEntry[] = [];
  const failed = new AbortController();
  const whileAllGo = { ...context, signal: AbortSignal.any([context.signal, failed.signal]) };
  try {
    const files = await withMirror(whileAllGo, (client) =>
      fetchAll(plan, client, held, whileAllGo, failed),
    );
    return await use(files);
  } finally {
    for (const { lock } of held) lock.release();
  }
}

/** Fetches all packages, some at once; when one fails the others are stopped. */
async function fetchAll(
  plan: AlpinePlan,
  client: MirrorClient,
  held: HeldEntry[],
  context: MirrorContext,
  failed: AbortController,
): Promise<PackageFile[]> {
  const total = plan.packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const bytes = plan.packages.map(() => 0);
  const progress = (index: number, count: number) => {
    bytes[index] = count;
    const sum = bytes.reduce((all, one) => all + one, 0);
    const message = `downloading ${plan.packages.length} Alpine packages, ${formatBytes(sum)} of ${formatBytes(total)}`;
    context.onProgress('download', message, sum / Math.max(1, total));
  };
  const files = new Map<number, PackageFile>();
  await eachAtOnce(plan.packages, { limit: DOWNLOADS, failed }, async (planned, index) => {
    const say = (count: number) => progress(index, count);
    const entry = await fetchPackage(planned, plan, client, context, say);
    held.push(entry);
    const path = join(entry.place.directory, ARTIFACT_FILES.layer[0]);
    files.set(index, await openPackage(path, planned.pkg, plan.keyring));
  });
  context.signal.throwIfAborted();
  return plan.packages.flatMap((_planned, index) => files.get(index) ?? []);
}

/** The package as an entry of the cache. What is not the package of the index does not get there. */
async function fetchPackage(
  { name, version, url, pkg }: PlannedPackage,
  { keyring }: AlpinePlan,
  client: MirrorClient,
  context: MirrorContext,
  onProgress: (bytes: number) => void,
): Promise<HeldEntry> {
  const { cacheDirectory, signal } = context;
  // With the keys: the checksum does not cover the signatures, which are checked against them.
  const identity = `apk ${pkg.checksum} ${pkg.sizeBytes} ${keyring.digest}`;
  const key = createHash('sha256').update(identity).digest('hex');
  const partial = partialDirectory(cacheDirectory);
  const path = join(partial, key);
  const entry = await ensureEntry(entryPlace(cacheDirectory, 'layer', key), {
    signal,
    onEvent: ({ phase, message, level }) => {
      if (phase === 'wait' || level === 'warning') context.onProgress(phase, message, 0);
    },
    build: async (target) => {
      await ensureDirectory(partial);
      await downloadChecked(path, onProgress, {
        download: (tell) => client.download(url, path, pkg.sizeBytes, tell),
        check: async () => {
          const file = await openPackage(path, pkg, keyring);
          await readPackageData(file, NOTHING_WANTED, signal);
        },
      });
      await keepUntilReady(path, join(target, ARTIFACT_FILES.layer[0]));
      return { title: `Alpine package ${name}-${version}`, kernelRelease: '' };
    },
  });
  onProgress(pkg.sizeBytes);
  await rm(path, { force: true });
  return entry;
}

/** Downloads and checks. Bytes of an earlier run may be wrong where those of this one are right: then it starts over once. */
async function downloadChecked(
  path: string,
  onProgress: (bytes: number) => void,
  steps: {
    readonly download: (tell: (bytes: number) => void) => Promise<void>;
    readonly check: () => Promise<void>;
  },
): Promise<void> {
  for (;;) {
    let oldBytes = -1;
    await steps.download((bytes) => {
      if (oldBytes < 0) oldBytes = bytes;
      onProgress(bytes);
    });
    try {
      await steps.check();
      return;
    } catch (error) {
      if (GondolinError.is(error)) await rm(path, { force: true });
      if (!GondolinError.is(error) || oldBytes <= 0) throw error;
    }
  }
}
