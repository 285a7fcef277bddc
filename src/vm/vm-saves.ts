import type { NormalVMOptions } from './normalize-options.ts';
import type { RunningGuest } from './start/start.ts';

/** The saves of one VM, which run one at a time. */
export class VmSaves {
  readonly #guest: RunningGuest;
  readonly #options: NormalVMOptions;
  #last: Promise<void> = Promise.resolve();
  #isSaving = false;

  constructor(guest: RunningGuest, options: NormalVMOptions) {
    this.#guest = guest;
    this.#options = options;
  }

  /** The guest is frozen, or about to be. */
  get isSaving(): boolean {
    return this.#isSaving;
  }

  /** @throws {GondolinError} as `VM.save`. */
  async save(directory: string): Promise<void> {
    const { mounts = {}, disks = {} } = this.#options.vfs ?? {};
    const targets = { mountTargets: Object.keys(mounts), diskTargets: Object.keys(disks) };
    const { saveGuest } = await import('./snapshot/save-guest.ts');
    this.#last = this.#last
      .catch(() => undefined)
      .then(async () => {
        this.#isSaving = true;
        await saveGuest({ ...this.#guest, ...targets }, directory);
      })
      .finally(() => {
        this.#isSaving = false;
      });
    await this.#last;
  }
}
