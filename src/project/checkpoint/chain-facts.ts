import { chooseAccelerator } from '../../host/accelerator.ts';
import { qemuName, requireTool } from '../../host/tools.ts';
import type { GuestImage } from '../../image/guest-image.ts';
import type { VmPlan } from '../../plan/plan.ts';
import { computeTemplateKey } from '../../vm/snapshot/template-key.ts';
import type { ChainFacts } from './key-chain.ts';

/**
 * Returns what a sandbox's checkpoints depend on besides its plan.
 * @throws {GondolinError} HOST_… when QEMU is missing.
 */
export async function readChainFacts(
  vm: VmPlan,
  image: Pick<GuestImage, 'key' | 'arch' | 'vmlinuxPath' | 'initramfsPath' | 'rootfsPath'>,
  cacheDirectory: string,
  volumes: Readonly<Record<string, string>>,
): Promise<ChainFacts> {
  const qemu = requireTool(qemuName(image.arch ?? 'x86_64'));
  const { accelerator } = await chooseAccelerator({ qemu, cacheDirectory });
  // The chain includes the volumes, which are in the plan.
  const hasScratch = true;
  // It includes the network too; a machine saved with another certificate authority is refused when it is restored.
  const trustKey = null;
  const { cpus, memoryBytes, mounts } = vm;
  const disks = mounts.flatMap((mount) =>
    mount.kind === 'disk' ? [{ sizeBytes: mount.sizeBytes }] : [],
  );
  const size = { cpus, memoryBytes, disks };
  // Nor does the chain need whether volumes have access control lists.
  const keepsAcls = false;
  const facts = { accelerator, qemu, hasScratch, keepsAcls, trustKey };
  const machine = computeTemplateKey({ image, ...size, ...facts });
  return { image: image.key, machine, volumes, copies: await copies(vm, cacheDirectory) };
}

/** Loads the code of copies only for a sandbox that has some. */
async function copies(vm: VmPlan, cacheDirectory: string): Promise<Record<string, string>> {
  if (!vm.mounts.some(({ kind }) => kind === 'copy')) return {};
  const { digestTrees } = await import('./digest-trees.ts');
  return digestTrees(vm, cacheDirectory);
}
