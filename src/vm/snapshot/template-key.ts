import { createHash } from 'node:crypto';
import type { Accelerator } from '../../host/accelerator.ts';
import type { Tool } from '../../host/tools.ts';
import type { GuestImage } from '../../image/guest-image.ts';
import { buildQemuArguments } from '../../machine/qemu-arguments.ts';
import { SNAPSHOT_VERSION } from './saved-machine.ts';

export interface MachineFacts {
  readonly image: Pick<GuestImage, 'key' | 'vmlinuxPath' | 'initramfsPath' | 'rootfsPath'>;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly accelerator: Accelerator;
  readonly qemu: Tool;
  /** The places that programs write to are mounted. */
  readonly hasScratch: boolean;
  /** Names the authority that the guest trusts; null when it has no network. */
  readonly trustKey: string | null;
}

/**
 * One name (64 hex digits) for everything that must be the same where a saved machine is restored: kernel, agent and
 * root file system by their content, QEMU by its file, its arguments word for word.
 */
export function computeTemplateKey({
  image,
  qemu,
  accelerator,
  hasScratch,
  trustKey,
  ...size
}: MachineFacts): string {
  const spec = { ...size, ...image };
  const args = buildQemuArguments({ spec, accelerator, name: '' });
  const facts = [SNAPSHOT_VERSION, image.key, qemu.path, qemu.stamp, args, hasScratch, trustKey];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
