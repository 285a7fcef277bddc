import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { encodeCpioMembers } from '../cpio.ts';
import type { AptSession } from '../debian/apt-session.ts';
import { unpackArmImage } from './arm-image.ts';
import { checkVmlinux, parseBootImage } from './boot-image.ts';
import { decompressPayload } from './decompress.ts';
import { fetchKernelPackage, type KernelPackageOptions, modulesRoot } from './kernel-package.ts';
import { KERNEL_META_PACKAGES } from './module-roots.ts';
import { packModules } from './pack-modules.ts';

export interface KernelBuildOptions extends KernelPackageOptions {
  readonly arch: 'x86_64' | 'aarch64';
  /** Directory of the entry; receives `vmlinux` and `modules.cpio`. */
  readonly target: string;
}

/**
 * Makes the kernel entry from Debian's cloud kernel package. `cwd` holds the working files; the caller removes it.
 *
 * @returns the kernel release, e.g. `6.1.0-56-cloud-amd64`.
 * @throws {GondolinError} IMAGE_KERNEL_INVALID, IMAGE_TOOL_MISSING, IMAGE_BUILD_FAILED.
 */
export async function buildKernel(options: KernelBuildOptions): Promise<string> {
  const { arch } = options;
  const locked = Object.keys(options.locked ?? {})[0];
  const tree = await fetchKernelPackage(options, async (apt) => {
    return locked ?? (await findNewestKernel(apt, arch));
  });
  options.onPhase('unpack', 'unpacking the kernel', 0.75);
  const release = await unpackVmlinux(tree, options);
  const modules = await packModules(join(await modulesRoot(tree), release), options.signal);
  await writeFile(join(options.target, 'modules.cpio'), encodeCpioMembers(modules));
  return release;
}

/**
 * Returns the concrete package that the meta package depends on.
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when there is none.
 */
export async function findNewestKernel(
  apt: AptSession,
  arch: KernelBuildOptions['arch'],
): Promise<string> {
  const wanted = KERNEL_META_PACKAGES[arch];
  const depends = (await apt.show(wanted))?.get('depends') ?? '';
  const match = /(?:^|[\s,])(linux-image-[a-z0-9.+-]+-cloud-(?:amd64|arm64))(?![a-z0-9-])/.exec(
    depends,
  );
  if (match?.[1] === undefined) {
    throw new GondolinError(
      'IMAGE_KERNEL_INVALID',
      `Cannot find the kernel: '${wanted}' in these sources depends on no kernel package`,
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
  const packed = await readFile(join(boot, name));
  const unpack = options.arch === 'aarch64' ? unpackArmImage : unpackBzImage;
  await writeFile(join(options.target, 'vmlinux'), await unpack(packed, options.signal));
  return name.slice(prefix.length);
}

async function unpackBzImage(packed: Buffer, signal: AbortSignal): Promise<Buffer> {
  const payload = parseBootImage(packed);
  const vmlinux = await decompressPayload(payload, signal);
  checkVmlinux(vmlinux, payload.uncompressedBytes);
  return vmlinux;
}
