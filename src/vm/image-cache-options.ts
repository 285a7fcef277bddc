import { type Environment, keptDirectories, resolveDirectories } from '../host/directories.ts';
import { proxyEnvironment } from '../host/image-environment.ts';
import { guestAgentPath } from '../host/package-root.ts';
import type { EnsureImageOptions } from '../image/guest-image.ts';

/**
 * Options of `ensureImage` for the cache of this user, which is trimmed to its limit after a build.
 * @param env  Where its directories are looked up. @default that of this process
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT.
 */
export function imageCacheOptions(
  onWarning: (message: string) => void,
  env?: Environment,
): EnsureImageOptions {
  const directories = resolveDirectories(env);
  const { cache: cacheDirectory } = directories;
  return {
    cacheDirectory,
    agentPath: guestAgentPath(),
    environment: proxyEnvironment(),
    onBuilt: async () => {
      const { keepCacheSmall } = await import('../image/trim-cache.ts');
      const kept = keptDirectories(directories);
      await keepCacheSmall({ cacheDirectory, keptDirectories: kept }, onWarning);
    },
  };
}
