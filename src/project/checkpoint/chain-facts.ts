import { chooseAccelerator } from '../../host/accelerator.ts';
import { requireTool } from '../../host/tools.ts';
import type { GuestImage } from '../../image/guest-image.ts';
import type { VmPlan } from '../../plan/plan.ts';
import { computeTemplateKey } from '../../vm/snapshot/template-key.ts';
import type { ChainFacts } from './key-chain.ts';

/**
 * What a sandbox's checkpoints depend on besides its plan.
 * @throws {GondolinError} HOST_… when QEMU is missing.
 */
export async function chainFactsOf(
  { cpus, memoryBytes }: VmPlan,
  image: Pick<GuestImage, 'key' | 'vmlinuxPath' | 'initramfsPath' | 'rootfsPath'>,
  cacheDirectory: string,
): Promise<ChainFacts> {
  const qemu = requireTool('qemu-system-x86_64');
  const { accelerator } = await chooseAccelerator({ qemu, cacheDirectory });
  // What is mounted is in the plan, which the chain has by itself.
  const hasScratch = true;
  // So is the network; an authority that changed makes the machine refuse to load.
  const trustKey = null;
  const size = { cpus, memoryBytes };
  const machine = computeTemplateKey({ image, ...size, accelerator, qemu, hasScratch, trustKey });
  return { image: image.key, machine };
}
