import type { ContainerConfig } from '../oci/documents/image-config.ts';
import { parseImageConfig } from '../oci/documents/image-config.ts';
import { type PeekOciOptions, peekOci } from '../oci/peek-oci.ts';
import { readReferenceRecord } from '../oci/reference-record.ts';
import type { DockerfileRecipe } from '../recipe.ts';
import { openDockerfile, readDockerfileState, recordName } from './read-inputs.ts';

/**
 * The key of what a start would use without asking a registry or building; null when it would do either.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID and those of `peekOci`.
 */
export async function peekDockerfileState(
  recipe: DockerfileRecipe,
  options: PeekOciOptions,
): Promise<{ readonly key: string; readonly container: ContainerConfig } | null> {
  const open = await openDockerfile(recipe);
  const { arch, release, pull, digests = {} } = recipe;
  const bases = new Map<string, { readonly config: Buffer; readonly name: string }>();
  for (const { name: source } of open.needed.words) {
    const digest = digests[source] ?? null;
    const asked = { kind: 'oci', source, arch, release, pull, digest } as const;
    const base = await peekOci(asked, options);
    if (base === null) return null;
    bases.set(source, base);
  }
  const { key } = await readDockerfileState(recipe, open, bases, new AbortController().signal);
  const record = await readReferenceRecord(options.cacheDirectory, recordName(key), arch);
  if (record === null) return null;
  const { container } = parseImageConfig(Buffer.from(record.config), arch, recipe.path);
  return { key, container };
}
