import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { agentPathFor } from './agent-path.ts';
import { ARTIFACT_FILES, type EntryPlace, entryPlace } from './cache/layout.ts';
import { type Manifest, parseManifest } from './cache/manifest.ts';
import { readManifestText } from './cache/read-manifest.ts';
import { digestBytes } from './cache/verify-files.ts';
import type { EnsureImageOptions, GuestImage } from './guest-image.ts';
import type { ImageParts } from './image-parts.ts';
import { openPathImage } from './path-image.ts';
import {
  type AlpineRecipe,
  checkDebianRecipe,
  type DebianRecipe,
  type DockerfileRecipe,
  holdsModules,
  kernelRecipe,
  type OciRecipe,
  type SetupRecipe,
} from './recipe.ts';
import {
  imageKey,
  initramfsKey,
  kernelKey,
  ociRootfsKey,
  rootfsKey,
  setupKey,
} from './recipe-keys.ts';

/** The identity of an image: its key and the paths of its files. */
export type ImageIdentity = Pick<
  GuestImage,
  'key' | 'arch' | 'vmlinuxPath' | 'initramfsPath' | 'rootfsPath'
>;

type PeekOptions = Pick<EnsureImageOptions, 'cacheDirectory' | 'agentPath'>;

/**
 * The image that `ensureImage` would give without building a kernel or root file system; null when one of them is to be
 * built first. Builds nothing and holds nothing: the files may go at any time.
 * @throws {GondolinError} IMAGE_RECIPE_INVALID; of a path IMAGE_NOT_FOUND and IMAGE_INVALID.
 */
export async function peekImage(
  recipe: ImageRecipe,
  { cacheDirectory, agentPath }: PeekOptions,
): Promise<ImageIdentity | null> {
  const parts = await peekParts(recipe, cacheDirectory);
  if (parts === null) return null;
  const agent = await readFile(agentPathFor(agentPath, parts.arch)).catch(nullWhenMissing);
  if (agent === null) return null;
  const { vmlinuxPath, rootfsPath, modulesSha256, digests } = parts;
  const key = initramfsKey(digestBytes(agent), modulesSha256);
  const initramfs = entryPlace(cacheDirectory, 'initramfs', key).directory;
  return {
    key: imageKey(key, digests, parts.container),
    arch: parts.arch,
    vmlinuxPath,
    initramfsPath: join(initramfs, ARTIFACT_FILES.initramfs[0]),
    rootfsPath,
  };
}

type PeekedParts = Pick<
  ImageParts,
  'arch' | 'vmlinuxPath' | 'modulesSha256' | 'digests' | 'container'
> & {
  readonly rootfsPath: string;
};

async function peekParts(recipe: ImageRecipe, cache: string): Promise<PeekedParts | null> {
  switch (recipe.kind) {
    case 'path':
      return openPathImage(recipe.path, cache, new AbortController().signal);
    case 'debian':
      return peekDebian(recipe, cache);
    case 'oci':
      return peekOci(recipe, cache);
    case 'alpine':
      return peekAlpine(recipe, cache);
    case 'dockerfile':
      return peekDockerfile(recipe, cache);
    case 'setup':
      return peekSetup(recipe, cache);
  }
}

async function peekDebian(recipe: DebianRecipe, cache: string): Promise<PeekedParts | null> {
  checkDebianRecipe(recipe);
  const found = await peekEntries(recipe, rootfsKey(recipe), cache);
  if (found === null || !holdsModules(recipe, found.kernelRelease, found.rootfs)) return null;
  return { ...found.parts, container: null };
}

async function peekOci(recipe: OciRecipe, cache: string): Promise<PeekedParts | null> {
  const { peekOciConfig } = await import('./oci/peek-oci.ts');
  const config = await peekOciConfig(recipe, { cacheDirectory: cache });
  if (config === null) return null;
  const key = ociRootfsKey(config.diffIds, config.container);
  const found = await peekEntries(kernelRecipe(recipe), key, cache);
  return found === null ? null : { ...found.parts, container: config.container };
}

async function peekAlpine(recipe: AlpineRecipe, cache: string): Promise<PeekedParts | null> {
  const { requestAlpine } = await import('./alpine/alpine-recipe.ts');
  const request = await requestAlpine(recipe, undefined);
  const found = await peekEntries(kernelRecipe(recipe), request.rootfsKey, cache);
  return found === null ? null : { ...found.parts, container: null };
}

async function peekDockerfile(
  recipe: DockerfileRecipe,
  cache: string,
): Promise<PeekedParts | null> {
  const { peekDockerfileState } = await import('./dockerfile/peek-dockerfile.ts');
  const state = await peekDockerfileState(recipe, { cacheDirectory: cache });
  if (state === null) return null;
  const found = await peekEntries(kernelRecipe(recipe), state.key, cache);
  return found === null ? null : { ...found.parts, container: state.container };
}

async function peekSetup(recipe: SetupRecipe, cache: string): Promise<PeekedParts | null> {
  const base = await peekParts(recipe.base, cache);
  if (base === null) return null;
  const { digestCopied } = await import('./setup/digest-copied.ts');
  const copied = await digestCopied(recipe.setup.copy, new AbortController().signal);
  const place = entryPlace(cache, 'rootfs', setupKey(recipe, base, copied));
  const entry = await peekEntry(place);
  if (entry === null) return null;
  const [rootfs] = ARTIFACT_FILES.rootfs;
  const digest = entry.files[rootfs]?.sha256 ?? '';
  return {
    ...base,
    rootfsPath: join(place.directory, rootfs),
    digests: [...base.digests, digest].toSorted(),
  };
}

async function peekEntries(recipe: DebianRecipe, rootfsEntryKey: string, cache: string) {
  const kernelPlace = entryPlace(cache, 'kernel', kernelKey(recipe));
  const rootfsPlace = entryPlace(cache, 'rootfs', rootfsEntryKey);
  const [kernel, rootfs] = await Promise.all([peekEntry(kernelPlace), peekEntry(rootfsPlace)]);
  if (kernel === null || rootfs === null) return null;
  const [vmlinux, modules] = ARTIFACT_FILES.kernel;
  const files = [...Object.values(kernel.files), ...Object.values(rootfs.files)];
  const parts = {
    arch: recipe.arch,
    vmlinuxPath: join(kernelPlace.directory, vmlinux),
    rootfsPath: join(rootfsPlace.directory, ARTIFACT_FILES.rootfs[0]),
    modulesSha256: kernel.files[modules]?.sha256 ?? '',
    digests: files.map(({ sha256 }) => sha256).toSorted(),
  };
  return { rootfs, kernelRelease: kernel.kernelRelease, parts };
}

/** Null when it is missing or damaged: it is to be built. */
async function peekEntry({ directory, kind }: EntryPlace): Promise<Manifest | null> {
  try {
    const text = await readManifestText(directory);
    return text === null ? null : parseManifest(text, kind, ARTIFACT_FILES[kind]);
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'IMAGE_INVALID') return null;
    throw error;
  }
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
