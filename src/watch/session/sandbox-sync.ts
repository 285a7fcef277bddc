import type { SyncSummary } from '../../project/copies/sync-trees.ts';

export interface SandboxSyncOptions {
  /** Puts files into the running guest; null when none runs. */
  readonly sync: (paths: readonly string[]) => Promise<SyncSummary | null>;
  /** Whether a run is under way whose guest will be there soon. */
  readonly isStarting: () => boolean;
  readonly onSynced: (summary: SyncSummary, durationMs: number) => void;
  /** Receives why the files in the guest are old now. */
  readonly onFailure: (error: unknown) => void;
}

/** The changed files of one sandbox on their way into its guest: one sync at a time, each path with its last state. */
export class SandboxSync {
  readonly #options: SandboxSyncOptions;
  readonly #pending = new Set<string>();
  #work: Promise<void> | null = null;

  constructor(options: SandboxSyncOptions) {
    this.#options = options;
  }

  add(paths: readonly string[]): void {
    for (const path of paths) this.#pending.add(path);
    this.flush();
  }

  /** A new run copies the files as they are when it starts. */
  forget(): void {
    this.#pending.clear();
  }

  /** Puts what waits into the guest: called again once there is one. */
  flush(): void {
    if (this.#work !== null || this.#pending.size === 0) return;
    this.#work = this.#syncAll().finally(() => {
      this.#work = null;
    });
  }

  async #syncAll(): Promise<void> {
    while (this.#pending.size > 0) {
      const paths = [...this.#pending];
      this.#pending.clear();
      const startedAt = performance.now();
      try {
        const summary = await this.#options.sync(paths);
        if (summary === null) {
          // Those of a run that starts wait for its guest; the next run of one that has ended copies everything.
          if (this.#options.isStarting()) for (const path of paths) this.#pending.add(path);
          return;
        }
        this.#options.onSynced(summary, Math.round(performance.now() - startedAt));
      } catch (error) {
        this.#options.onFailure(error);
      }
    }
  }

  /** Resolves when no sync is under way. */
  async settled(): Promise<void> {
    await this.#work;
  }
}
