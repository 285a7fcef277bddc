import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { encodeCpioMembers } from '../cpio.ts';
import { openAptSession, readAptTransport } from '../debian/apt-session.ts';
import type { AptSource } from '../debian/apt-source.ts';
import { type RunToolsOptions, runTools } from '../process/run-tools.ts';
import { requireBuildTools } from '../process/tool.ts';
import { checkVmlinux, parseBootImage } from './boot-image.ts';
import { decompressPayload } from './decompress.ts';
import { packModules } from './pack-modules.ts';

export interface KernelBuildOptions extends Omit<RunToolsOptions, 'onLine'> {
  readonly arch: 'x86_64' | 'aarch64';
  readonly sources: readonly AptSource[];
  /** Directory of the entry; receives `vmlinux` and `modules.cpio`. */
  readonly target: string;
  readonly onPhase: (phase: string, message: string, fraction: number) => void;
}

const META_PACKAGE = 'linux-image-cloud-amd64';

/**
 * Makes the kernel entry from Debian's cloud kernel package. `cwd` holds the working files; the caller removes it.
 *
 * @returns the kernel release, e.g. `6.1.0-56-cloud-amd64`.
 * @throws {GondolinError} IMAGE_ARCH_UNSUPPORTED, IMAGE_KERNEL_INVALID, IMAGE_TOOL_MISSING, IMAGE_BUILD_FAILED.
 */
export async function buildKernel(options: KernelBuildOptions): Promise<string> {
  if (options.arch !== 'x86_64') {
    throw new GondolinError(
      'IMAGE_ARCH_UNSUPPORTED',
      `Cannot build a kernel for ${options.arch}: only x86_64 is supported`,
      { details: { arch: options.arch } },
    );
  }
  const tree = await fetchPackage(options);
  options.onPhase('unpack', 'unpacking the kernel', 0.75);
  const release = await unpackVmlinux(tree, options);
  const modules = await packModules(join(await modulesRoot(tree), release), options.signal);
  await writeFile(join(options.target, 'modules.cpio'), encodeCpioMembers(modules));
  return release;
}

async function fetchPackage(options: KernelBuildOptions): Promise<string> {
  const tools = requireBuildTools(['dpkg-deb'], 'unpack the kernel package');
  const apt = await openAptSession({
    ...options,
    architecture: 'amd64',
    configuration: await readAptTransport(options.signal),
  });
  options.onPhase('lists', 'reading package lists', 0);
  await apt.update();
  const packageName = await resolvePackage(apt.show);
  options.onPhase('download', `downloading ${packageName}`, 0.4);
  await apt.download(packageName);
  options.onPhase('unpack', `unpacking ${packageName}`, 0.6);
  const archive = (await readdir(options.cwd)).find((name) => name.endsWith('.deb'));
  if (archive === undefined) {
    throw new GondolinError(
      'IMAGE_BUILD_FAILED',
      `Cannot build the image: apt downloaded no ${packageName}`,
    );
  }
  const tree = join(options.cwd, 'tree');
  await mkdir(tree);
  const args = ['--extract', join(options.cwd, archive), tree];
  await runTools([{ name: 'dpkg-deb', file: tools['dpkg-deb'], args }], options);
  await rm(join(options.cwd, archive));
  return tree;
}

/** Newer releases ship it below /usr. */
async function modulesRoot(tree: string): Promise<string> {
  const old = join(tree, 'lib/modules');
  return access(old).then(
    () => old,
    () => join(tree, 'usr/lib/modules'),
  );
}

/** The concrete package behind the meta package. */
async function resolvePackage(
  show: (name: string) => Promise<ReadonlyMap<string, string> | null>,
): Promise<string> {
  const depends = (await show(META_PACKAGE))?.get('depends') ?? '';
  const match = /(?:^|[\s,])(linux-image-[a-z0-9.+-]+-cloud-amd64)\b/.exec(depends);
  if (match?.[1] === undefined) {
    throw new GondolinError(
      'IMAGE_KERNEL_INVALID',
      `Cannot find the kernel: '${META_PACKAGE}' of these sources names no kernel package`,
      { hint: 'Choose a release of Debian that has the cloud kernel, e.g. bookworm.' },
    );
  }
  return match[1];
}

async function unpackVmlinux(tree: string, options: KernelBuildOptions): Promise<string> {
  const boot = join(tree, 'boot');
  const prefix = 'vmlinuz-';
  const name = (await readdir(boot)).find((entry) => entry.startsWith(prefix));
  if (name === undefined) {
    throw new GondolinError(
      'IMAGE_KERNEL_INVALID',
      'Cannot use the kernel package: it has no /boot/vmlinuz-*',
    );
  }
  const payload = parseBootImage(await readFile(join(boot, name)));
  const vmlinux = await decompressPayload(payload, options.signal);
  checkVmlinux(vmlinux, payload.uncompressedBytes);
  await writeFile(join(options.target, 'vmlinux'), vmlinux);
  return name.slice(prefix.length);
}
