import type { NormalVMOptions } from '../normalize-options.ts';
import { type AcquiredImage, resolveImage } from '../resolve-image.ts';
import { type RunningGuest, startGuest } from './start.ts';
import type { StartRequest } from './start-context.ts';

/** Where the guest of a VM comes from. */
export interface GuestSource {
  readonly image: (options: NormalVMOptions) => Promise<AcquiredImage>;
  readonly start: (request: StartRequest) => Promise<RunningGuest>;
}

/** Starts a machine for the VM. */
export const NEW_GUEST: GuestSource = { image: resolveImage, start: startGuest };
