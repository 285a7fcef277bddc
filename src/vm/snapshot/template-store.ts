import type { FileLock } from '../../host/file-lock.ts';
import type { PruneOptions, PruneResult, SavedDirectory } from '../../host/saved-directories.ts';
import { type SavedMachineKind, SavedMachineStore } from '../../host/saved-machine-store.ts';
import { integer, object, text } from '../../util/json-decoder.ts';
import {
  type GuestFacts,
  openSavedMachine,
  type SavedMachine,
  writeManifest,
} from './saved-machine.ts';

/** The source of a template. */
export interface TemplateFacts {
  /** Its image, for people: `debian bookworm + git`. */
  readonly image: string;
  readonly memoryBytes: number;
}

const TEMPLATES: SavedMachineKind<TemplateFacts> = {
  isName: (name) => /^[0-9a-f]{64}$/.test(name),
  factsFile: 'template.json',
  maxFactsBytes: 64 * 1024,
  facts: object<TemplateFacts>({ image: text(), memoryBytes: integer() }),
  machineDirectory: '',
};

/** A listed template; `image` is null when it is not known. */
export interface ListedTemplate extends SavedDirectory {
  readonly image: string | null;
}

/** The saved machines that warm starts restore, each under its template key. */
export class TemplateStore {
  readonly #store: SavedMachineStore<TemplateFacts>;

  /** @param parent  `Directories.templates`; need not exist. */
  constructor(parent: string) {
    this.#store = new SavedMachineStore(parent, TEMPLATES);
  }

  /** Directory of the template with that key, which may not exist. */
  directory(templateKey: string): string {
    return this.#store.machineDirectory(templateKey);
  }

  /**
   * Checks the template; null when there is none. Takes no lock.
   * @throws {GondolinError} SNAPSHOT_REFUSED when it is damaged.
   */
  async open(templateKey: string): Promise<SavedMachine | null> {
    const saved = await openSavedMachine(this.directory(templateKey), templateKey);
    // The last use, for `prune`. Nothing waits for it, and a cache that cannot be written still serves.
    if (saved !== null) void this.#store.touch(templateKey).catch(() => undefined);
    return saved;
  }

  /** Lets one process make the template while others wait. */
  lock(templateKey: string, signal: AbortSignal | undefined): Promise<FileLock> {
    return this.#store.lock(templateKey, signal);
  }

  /**
   * Adds a template that `save` writes into the directory it receives. The caller has the lock.
   * @throws {GondolinError} what `save` throws; HOST_… when the disk is full or the directory belongs to another user.
   */
  async add(
    templateKey: string,
    facts: TemplateFacts,
    save: (directory: string) => Promise<GuestFacts>,
  ): Promise<void> {
    const fill = async (directory: string) => {
      const guest = await save(directory);
      await writeManifest(directory, templateKey, facts.memoryBytes, guest);
    };
    await this.#store.add(templateKey, facts, fill, false);
  }

  /** Lists every template, the longest unused first. */
  async list(): Promise<ListedTemplate[]> {
    const entries = await this.#store.list();
    return entries.map(({ facts, ...entry }) => ({ ...entry, image: facts?.image ?? null }));
  }

  /** Removes a template; the next start of its kind makes a new one. */
  async discard(templateKey: string): Promise<void> {
    await this.#store.remove(templateKey);
  }

  /** Removes templates by age. */
  prune(options: Omit<PruneOptions, 'isName'>): Promise<PruneResult> {
    return this.#store.prune(options);
  }
}
