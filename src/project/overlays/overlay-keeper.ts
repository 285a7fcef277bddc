import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDirectoryAtomic } from '../../host/atomic-write.ts';
import { ensureDirectory } from '../../host/directories.ts';
import type { OverlayProvider } from '../../vfs/overlay-provider.ts';
import {
  type KeptOverlay,
  manifestPath,
  type OverlayPlace,
  overlayDirectory,
} from './kept-overlay.ts';
import { KeptWriter } from './kept-writer.ts';

/** Changes that nobody took over are removed after this time. */
const MAX_AGE_MS = 30 * 24 * 3600 * 1000;

/** A volume whose changes are kept, and its place on the host. */
export interface KeptVolume {
  readonly guestPath: string;
  readonly hostPath: string;
}

/** Keeps what the guests of one sandbox changed in its overlays, for `gondolin diff` and `apply`, when its VM ends. */
export class OverlayKeeper {
  readonly #place: Omit<OverlayPlace, 'guestPath'>;
  readonly #onWarning: (message: string) => void;
  readonly #work: Promise<void>[] = [];
  readonly #watched: { readonly volume: KeptVolume; readonly provider: OverlayProvider }[] = [];

  constructor(place: Omit<OverlayPlace, 'guestPath'>, onWarning: (message: string) => void) {
    this.#place = place;
    this.#onWarning = onWarning;
  }

  /** Keeps the changes of a volume when its server stops: by then the guest has written everything. */
  watch(volume: KeptVolume, provider: OverlayProvider): void {
    this.#watched.push({ volume, provider });
    provider.beforeStop(() => {
      const kept = this.#keep(volume, provider).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#onWarning(`changes of ${volume.guestPath} were not kept: ${why}`);
      });
      this.#work.push(kept);
      return kept;
    });
  }

  /**
   * Keeps the changes of the volumes as they are now; the guest may change them further.
   * @throws what keeps them from being written, such as a full disk.
   */
  async keepNow(): Promise<void> {
    for (const { volume, provider } of this.#watched) {
      // A machine that waits for the next run has volumes that nobody serves yet.
      if (provider.isStarted) await this.#keep(volume, provider);
    }
  }

  /** Resolves when everything is written. */
  async settled(): Promise<void> {
    await Promise.all(this.#work);
  }

  async #keep({ guestPath, hostPath }: KeptVolume, provider: OverlayProvider): Promise<void> {
    const { parent, project, sandbox } = this.#place;
    const changes = provider.layerChanges();
    try {
      const first = await changes.next();
      // The run before may have left changes that are still wanted.
      if (first.done === true) return;
      await ensureDirectory(parent);
      await this.#sweep();
      const target = overlayDirectory({ ...this.#place, guestPath });
      await replaceDirectoryAtomic(target, async (directory) => {
        const writer = new KeptWriter(directory, provider.comparesAttributes);
        await writer.keep(first.value);
        for await (const change of changes) await writer.keep(change);
        const facts = { project, sandbox, guestPath, hostPath, savedAtMs: Date.now() };
        const overlay: KeptOverlay = { version: 2, ...facts, ...writer.result };
        await writeFile(manifestPath(directory), JSON.stringify(overlay), { mode: 0o600 });
      });
    } finally {
      await changes.return();
    }
  }

  async #sweep(): Promise<void> {
    const { parent } = this.#place;
    const oldest = Date.now() - MAX_AGE_MS;
    for (const name of await readdir(parent)) {
      const path = join(parent, name);
      const found = await stat(manifestPath(path)).catch(() => null);
      if (found !== null && found.mtimeMs < oldest)
        await rm(path, { recursive: true, force: true });
    }
  }
}
