import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseImageReference } from '../address/parse-image-reference.ts';
import { resolveDirectories } from '../host/directories.ts';
import { hostPlatform } from '../host/image-environment.ts';
import { findTagged } from '../image/tags/tag-store.ts';
import type { ImagePlan } from '../plan/plan.ts';
import type { CliIo } from './io.ts';
import { usageError } from './usage-error.ts';

/**
 * Reads an image as a command names it: `debian`, the path of a directory with an image, the name of an image of this machine, or a
 * reference with a tag or digest. The first of these that there is counts.
 *
 * @param what  For the message, such as `--image "x"`.
 * @throws {GondolinError} CLI_USAGE
 */
export function readImageFlag(
  wanted: string,
  { env, cwd }: Pick<CliIo, 'env' | 'cwd'>,
  what: string,
): ImagePlan {
  if (wanted === 'debian') {
    return {
      name: 'debian',
      recipe: { kind: 'debian', ...hostPlatform(), packages: [], mirror: null },
    };
  }
  const path = resolve(cwd, wanted);
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isDirectory) return { name: wanted, recipe: { kind: 'path', path } };
  const tagged = findTagged(resolveDirectories(env).taggedImages, wanted);
  if (tagged !== null) return { name: wanted, recipe: { kind: 'path', path: tagged } };
  if (isReference(wanted)) {
    const rest = { ...hostPlatform(), pull: 'missing', digest: null } as const;
    return { name: wanted, recipe: { kind: 'oci', source: wanted, ...rest } };
  }
  throw usageError(
    `${what}: there is no such image`,
    'Write debian, the name of an image of this machine (gondolin images), a reference with a tag such as registry.example.com/app:1, or the path of a directory with a built image.',
  );
}

/** An image of a registry has a tag or digest here, so that a directory that is missing is not looked up. */
function isReference(text: string): boolean {
  const { reference } = parseImageReference(text);
  return reference !== undefined && (reference.tag !== null || reference.digest !== null);
}
