import type { ImageParts } from '../../image/image-parts.ts';
import type { CommandContext } from '../command-context.ts';
import { writeText } from '../io.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { plainText } from '../ui/text/describe.ts';
import type { NamedImage } from './image-operand.ts';
import type { ImagesFlags } from './images-flags.ts';

/**
 * Makes the parts of an image ready, with progress, and releases them once `use` has them used.
 * @throws {GondolinError} as `ensureImageParts`, and what `use` throws.
 */
export async function withImageParts<T>(
  { io, options }: CommandContext<ImagesFlags>,
  { name, recipe }: NamedImage,
  use: (parts: ImageParts) => Promise<T>,
): Promise<T> {
  const { withImageProgress } = await import('../ui/progress/image-progress.ts');
  const { imageCacheOptions } = await import('../../vm/image-cache-options.ts');
  const { ensureImageParts } = await import('../../image/ensure-image.ts');
  const { setUpInVm } = await import('../../vm/image-setup/set-up-in-vm.ts');
  const onWarning = (message: string) =>
    void writeText(io.stderr, `warning: ${plainText(message)}\n`);
  const mode = options.quiet === true ? 'quiet' : resolveProgress(options.progress, io);
  return withImageProgress(io, mode, `image ${plainText(name)}`, async (onProgress) => {
    const cache = { ...imageCacheOptions(onWarning, io.env), env: io.env, setUp: setUpInVm };
    const parts = await ensureImageParts(recipe, { ...cache, signal: io.signal, onProgress });
    try {
      return await use(parts);
    } finally {
      parts.release();
    }
  });
}
