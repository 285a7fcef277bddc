import type { AlpinePlan, AlpineRequest, PlannedPackage } from './alpine-plan.ts';
import { checkAlpineRequest, planDigest, repositoryUrls, worldOf } from './alpine-plan.ts';
import { keepLocked } from './keep-locked.ts';
import { type ApkKey, readKeyring } from './keyring.ts';
import { type MirrorContext, withMirror } from './mirror.ts';
import { readRepositoryIndex } from './repository-index.ts';
import type { IndexedPackage } from './resolve/package-names.ts';
import { resolvePackages } from './resolve/resolve-packages.ts';

/**
 * Asks a mirror which packages an image will have: reads the indexes of its repositories, checks their signatures, and
 * resolves the dependencies. The same indexes, wishes and keys give the same plan.
 *
 * @throws {GondolinError} IMAGE_RECIPE_INVALID, IMAGE_KEY_MISSING, IMAGE_KEY_INVALID, IMAGE_MIRROR_FAILED,
 * IMAGE_SIGNATURE_INVALID, IMAGE_REPOSITORY_INVALID, IMAGE_PACKAGE_UNKNOWN, IMAGE_PACKAGES_CONFLICT; with a lock IMAGE_PACKAGE_GONE
 * and IMAGE_DIGEST_MISMATCH.
 */
export async function resolveAlpine(
  request: AlpineRequest,
  context: MirrorContext,
): Promise<AlpinePlan> {
  checkAlpineRequest(request);
  const { arch } = request;
  const keyring = await readKeyring(request.keysDirectory);
  const repositories = repositoryUrls(request);
  const indexes = await withMirror(context, async (client) => {
    const indexUrls = repositories.map((url) => `${url}/${arch}/APKINDEX.tar.gz`);
    context.onProgress('lists', 'reading the indexes of the Alpine mirror', 0);
    const files = await Promise.all(indexUrls.map((url) => client.fetchIndex(url)));
    return files.map((file, index) => readRepositoryIndex(file, keyring, indexUrls[index] ?? ''));
  });
  const ofArch = indexes.map(({ packages }) =>
    packages.filter((pkg) => pkg.arch === arch || pkg.arch === 'noarch'),
  );
  const { locked } = request;
  const available = locked === undefined ? ofArch : keepLocked(ofArch, locked);
  const world = worldOf(request);
  const packages = resolvePackages(available, world).map((pkg) => planned(pkg, repositories, arch));
  const plan = {
    ...{ packages, arch, repositories },
    world: world.map(({ text }) => text),
    keys: [...new Map(indexes.map(({ signer }) => [signer.name, signer])).values()].toSorted(
      byName,
    ),
  };
  return { ...plan, digest: planDigest(plan), keyring };
}

function planned(
  pkg: IndexedPackage,
  repositories: readonly string[],
  arch: string,
): PlannedPackage {
  const { name, version, sizeBytes, checksum } = pkg;
  // A package for every architecture is served beside those of each.
  const url = `${repositories[pkg.repository]}/${arch}/${name}-${version}.apk`;
  return { name, version, arch: pkg.arch, sizeBytes, checksum, url, pkg };
}

function byName(a: ApkKey, b: ApkKey): number {
  return a.name < b.name ? -1 : 1;
}
