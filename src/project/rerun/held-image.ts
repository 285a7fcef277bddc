import type { GuestImage } from '../../image/guest-image.ts';
import type { ImageRecipe } from '../../plan/plan.ts';

function isOfFiles(source: string): boolean {
  return source.startsWith('oci-layout:') || source.startsWith('docker-archive:');
}

/** Whether a recipe means the same image until the end of a session, whatever happens to files and registries meanwhile. */
function isFixed(recipe: ImageRecipe): boolean {
  if (recipe.kind === 'oci') return recipe.pull !== 'always' && !isOfFiles(recipe.source);
  return recipe.kind === 'debian' || recipe.kind === 'alpine';
}

/**
 * The image of a sandbox in a watch session. It stays in use between the runs: a check of what has not changed would delay each of
 * them. An image whose recipe names files of the host, or asks a registry each time, is made ready again for each run.
 */
export class HeldImage {
  #held: { readonly recipe: string; readonly image: GuestImage } | null = null;

  /** Returns the image of a recipe. Releasing it is left to `release` where it is kept. @throws what `ensure` throws */
  async use(recipe: ImageRecipe, ensure: () => Promise<GuestImage>): Promise<GuestImage> {
    const text = JSON.stringify(recipe);
    if (this.#held?.recipe !== text) {
      const image = await ensure();
      if (!isFixed(recipe)) return image;
      await this.release();
      this.#held = { recipe: text, image };
    }
    return { ...this.#held.image, release: () => Promise.resolve() };
  }

  /** Gives the image back: the next run checks it again, or builds it. */
  async release(): Promise<void> {
    const held = this.#held;
    this.#held = null;
    await held?.image.release();
  }
}
