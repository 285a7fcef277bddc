import { readAlpineFacts } from '../../host/alpine-facts.ts';
import type { Environment } from '../../host/directories.ts';
import type { AlpineRecipe } from '../recipe.ts';
import { alpineRootfsKey } from '../recipe-keys.ts';
import { alpineError } from './alpine-error.ts';
import { type AlpineRequest, checkAlpineRequest } from './alpine-plan.ts';
import { readKeyring } from './keyring.ts';

/** A recipe with the settings of this user, and the key of its root file system in the cache. */
export interface AlpineRootfsRequest extends AlpineRequest {
  readonly rootfsKey: string;
}

/**
 * @param env  @default that of this process
 * @throws {GondolinError} IMAGE_SOURCES_MISSING when no mirror is set; IMAGE_RECIPE_INVALID, IMAGE_KEY_MISSING, IMAGE_KEY_INVALID.
 */
export async function requestAlpine(
  { version, branch, arch, packages, locked, ...recipe }: AlpineRecipe,
  env: Environment | undefined,
): Promise<AlpineRootfsRequest> {
  const facts = readAlpineFacts(env);
  const mirror = recipe.mirror ?? facts.mirror;
  if (mirror === null) {
    throw alpineError(
      'IMAGE_SOURCES_MISSING',
      'it names no mirror, and GONDOLIN_ALPINE_MIRROR is not set',
    );
  }
  const keysDirectory = recipe.keys ?? facts.keysDirectory;
  const place = { mirror, keysDirectory, branch: branch ?? undefined };
  const request = { version, arch, packages, locked, ...place };
  checkAlpineRequest(request);
  const { digest } = await readKeyring(keysDirectory);
  return {
    ...request,
    rootfsKey: alpineRootfsKey(
      { version, branch, arch, packages, mirror, ...(locked === undefined ? {} : { locked }) },
      digest,
    ),
  };
}
