import { SANDBOX_WORKSPACE } from '../config/defaults.ts';
import type { ContainerConfig } from '../image/oci/documents/image-config.ts';
import type { NormalVMOptions } from './normalize-options.ts';

/**
 * Returns the options with what an OCI image says about its processes: variables, user and working directory where the options
 * have none of their own.
 */
export function withContainer(
  options: NormalVMOptions,
  container: ContainerConfig | null,
): NormalVMOptions {
  if (container === null) return options;
  const { env, user, workingDir } = container;
  const ownUser = options.user ?? '';
  const cwd = options.cwd ?? workingDir;
  return {
    ...options,
    imageEnv: env,
    user: ownUser === '' ? user : ownUser,
    ...(cwd === '' ? {} : { cwd }),
  };
}

/**
 * Returns the directory in which the commands of a sandbox start: its workspace, or the image's own where the sandbox neither
 * names one nor mounts anything there.
 */
export function startDirectory(
  workspace: string,
  guestPaths: readonly string[],
  container: ContainerConfig | null,
): string {
  const isUsed = guestPaths.some((path) => path === workspace || path.startsWith(`${workspace}/`));
  const own = container?.workingDir ?? '';
  return own === '' || workspace !== SANDBOX_WORKSPACE || isUsed ? workspace : own;
}
