import type { SetUpImage } from '../../image/guest-image.ts';
import { VM } from '../vm.ts';

/** Runs setups of images in VMs; its code is loaded only for one. */
export const setUpInVm: SetUpImage = async (base, work) => {
  const { setUpImage } = await import('./set-up-image.ts');
  return setUpImage((options) => VM.create(options), base, work);
};
