import { createHash } from 'node:crypto';
import type { Accelerator } from '../../host/accelerator.ts';
import type { Tool } from '../../host/tools.ts';
import type { BootImage } from '../../image/guest-image.ts';
import type { MachineDisk } from '../../machine/machine-spec.ts';
import { buildQemuArguments } from '../../machine/qemu-arguments.ts';
import { SNAPSHOT_VERSION } from './saved-machine.ts';

export interface TemplateKeyInput {
  readonly image: Pick<BootImage, 'key' | 'arch' | 'vmlinuxPath' | 'initramfsPath' | 'rootfsPath'>;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** @default none */
  readonly disks?: readonly MachineDisk[];
  /** @default none */
  readonly rootDisk?: MachineDisk;
  /** @default none */
  readonly images?: readonly string[];
  /** @default false */
  readonly hasReplyDisk?: boolean;
  readonly accelerator: Accelerator;
  readonly qemu: Tool;
  /** True when the scratch mounts are part of the machine. */
  readonly hasScratch: boolean;
  /** True when the guest's kernel enforces access control lists in its mounts. */
  readonly keepsAcls: boolean;
  /** Names the certificates that the guest trusts; null when it has no network. */
  readonly trustKey: string | null;
}

/**
 * Returns the template key (64 hex digits): a digest over everything that must be equal where a saved machine is restored.
 * Kernel, agent and root file system count by content, QEMU by its file, its arguments word for word.
 */
export function computeTemplateKey({
  image,
  qemu,
  accelerator,
  hasScratch,
  trustKey,
  keepsAcls,
  ...size
}: TemplateKeyInput): string {
  const spec = { ...size, ...image };
  const args = buildQemuArguments({ spec, accelerator, name: '' });
  const facts = [SNAPSHOT_VERSION, image.key, qemu.path, qemu.stamp, args, hasScratch, trustKey];
  if (keepsAcls) facts.push('acls');
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
