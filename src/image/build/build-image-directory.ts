import type { ImageRecipe } from '../../plan/plan.ts';
import { printableTitle } from '../cache/manifest.ts';
import { ensureImageParts } from '../ensure-image.ts';
import type { EnsureImageOptions } from '../guest-image.ts';
import { type ContainerConfig, environmentOnly } from '../oci/documents/image-config.ts';
import type { PathManifest } from '../path-image.ts';
import { imageTitle } from '../recipe-title.ts';
import { writeImageDirectory } from './image-directory.ts';

/** An image that is to be built into a directory. */
export interface DirectoryBuild {
  readonly recipe: ImageRecipe;
  /** Absolute. */
  readonly directory: string;
  /** Name of the image for people. */
  readonly label: string;
  /** Variables of every command in the guest. */
  readonly env: Readonly<Record<string, string>>;
  /** Most bytes of the root file system; null for no limit. */
  readonly maxRootfsBytes: number | null;
}

/**
 * Builds an image, or takes it from the cache, and copies it into a directory.
 * @throws {GondolinError} as `ensureImage` and `writeImageDirectory`.
 */
export async function buildImageDirectory(
  { recipe, directory, label, env, maxRootfsBytes }: DirectoryBuild,
  options: EnsureImageOptions,
): Promise<PathManifest> {
  const signal = options.signal ?? new AbortController().signal;
  const parts = await ensureImageParts(recipe, options);
  try {
    const title = printableTitle(`${label}: ${imageTitle(recipe)}`);
    const facts = { title, container: withEnv(parts.container, env), maxRootfsBytes };
    return await writeImageDirectory(directory, parts, facts, signal);
  } finally {
    parts.release();
  }
}

function withEnv(
  container: ContainerConfig | null,
  env: Readonly<Record<string, string>>,
): ContainerConfig | null {
  if (Object.keys(env).length === 0) return container;
  if (container === null) return environmentOnly(env);
  return { ...container, env: { ...container.env, ...env } };
}
