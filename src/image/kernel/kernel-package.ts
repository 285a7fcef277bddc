import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { type AptSession, openAptSession } from '../debian/apt-session.ts';
import type { AptSource } from '../debian/apt-source.ts';
import { downloadLocked, type LockedPackages } from '../debian/locked-packages.ts';
import { type RunToolsOptions, runTools } from '../process/run-tools.ts';
import { requireBuildTools } from '../process/tool.ts';

export interface KernelPackageOptions extends Omit<RunToolsOptions, 'onLine'> {
  readonly arch: 'x86_64' | 'aarch64';
  readonly sources: readonly AptSource[];
  /** Packages of a lock, which may name the kernel's; null for the newest. */
  readonly locked: LockedPackages | null;
  readonly onPhase: (phase: string, message: string, fraction: number) => void;
}

/**
 * Unpacks Debian's kernel package that `choose` names below `cwd`, without running its scripts.
 *
 * @returns The directory that holds the package's files as below `/`.
 * @throws {GondolinError} IMAGE_TOOL_MISSING, IMAGE_BUILD_FAILED, those of `downloadLocked`, and what `choose` throws.
 */
export async function fetchKernelPackage(
  options: KernelPackageOptions,
  choose: (apt: AptSession) => Promise<string>,
): Promise<string> {
  const tools = requireBuildTools(['dpkg-deb'], 'unpack the kernel package');
  const apt = await openAptSession(options);
  options.onPhase('lists', 'reading package lists', 0);
  await apt.update();
  const packageName = await choose(apt);
  options.onPhase('download', `downloading ${packageName}`, 0.4);
  const locked = options.locked?.[packageName];
  if (locked === undefined) await apt.download([packageName], options.cwd);
  else await downloadLocked({ [packageName]: locked }, apt, options.cwd, options.signal);
  options.onPhase('unpack', `unpacking ${packageName}`, 0.6);
  const archive = (await readdir(options.cwd)).find((name) => name.endsWith('.deb'));
  if (archive === undefined) {
    throw new GondolinError(
      'IMAGE_BUILD_FAILED',
      `Cannot build the image: apt did not download ${packageName}`,
    );
  }
  const tree = join(options.cwd, 'tree');
  await mkdir(tree);
  const args = ['--extract', join(options.cwd, archive), tree];
  await runTools([{ name: 'dpkg-deb', file: tools['dpkg-deb'], args }], options);
  await rm(join(options.cwd, archive));
  return tree;
}

/** `lib/modules` of an unpacked package; newer releases ship it below /usr. */
export async function modulesRoot(tree: string): Promise<string> {
  const old = join(tree, 'lib/modules');
  return access(old).then(
    () => old,
    () => join(tree, 'usr/lib/modules'),
  );
}

/**
 * Fetches every module of the kernel that is already built, for a root file system.
 *
 * @returns the directory `lib/modules/RELEASE`.
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when the sources no longer have that kernel; as `fetchKernelPackage`.
 */
export async function fetchModules(
  kernelRelease: string,
  options: KernelPackageOptions,
): Promise<string> {
  const tree = await fetchKernelPackage(options, async (apt) => {
    const name = `linux-image-${kernelRelease}`;
    if ((await apt.show(name)) !== null) return name;
    throw new GondolinError(
      'IMAGE_KERNEL_INVALID',
      `Cannot find the modules of the kernel: these sources no longer have '${name}'`,
      {
        hint: 'Remove the old kernel, so that the present one is fetched: gondolin prune --images --all',
        details: { kernelRelease },
      },
    );
  });
  return join(await modulesRoot(tree), kernelRelease);
}
