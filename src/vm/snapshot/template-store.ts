import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDirectoryAtomic, sweepTemporaries, temporaryName } from '../../host/atomic-write.ts';
import type { FileLock } from '../../host/file-lock.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { listSavedDirectories, type SavedDirectory } from '../../host/saved-directories.ts';
import { asHostError } from '../../host/system-failure.ts';
import type { ChannelCounts } from '../guest-files.ts';
import { openSavedMachine, type SavedMachine, writeManifest } from './saved-machine.ts';

/** Beside the machine: what it is of, for people. */
const FACTS = 'template.json';
const MAX_FACTS_BYTES = 64 * 1024;
const NAME = /^[0-9a-f]{64}$/;

/** What a template is of. */
export interface TemplateFacts {
  /** Of its image: `debian bookworm + git`. */
  readonly image: string;
  readonly memoryBytes: number;
}

/** A listed template; `image` is null when that is not known. */
export interface ListedTemplate extends SavedDirectory {
  readonly image: string | null;
}

/** True for names of templates, among other names in their directory. */
export function isTemplateName(name: string): boolean {
  return NAME.test(name);
}

async function readImageTitle(directory: string): Promise<string | null> {
  const text = await readTextFile(join(directory, FACTS), MAX_FACTS_BYTES);
  try {
    const { image } = JSON.parse(text ?? '{}') as { image?: unknown };
    return typeof image === 'string' ? image : null;
  } catch {
    // Cut off: it is listed without.
    return null;
  }
}

async function noteUse(directory: string): Promise<void> {
  const now = new Date();
  await utimes(directory, now, now).catch(() => undefined);
}

/**
 * The saved machines that warm starts are made from: `<templates>/<template key>/`. A template appears complete or not at
 * all, and who runs on one keeps its files when it is removed.
 */
export class TemplateStore {
  readonly #parent: string;

  /** @param parent  `Directories.templates`; need not exist. */
  constructor(parent: string) {
    this.#parent = parent;
  }

  /** Where the template of that name is, or will be. */
  directoryOf(templateKey: string): string {
    return join(this.#parent, templateKey);
  }

  /**
   * The template, or null when there is none. Takes no lock.
   * @throws {GondolinError} SNAPSHOT_REFUSED when it is damaged.
   */
  async open(templateKey: string): Promise<SavedMachine | null> {
    const directory = this.directoryOf(templateKey);
    const saved = await openSavedMachine(directory, templateKey);
    // For `prune`: when it was last of use. Nobody waits, and a cache that cannot be written still serves.
    if (saved !== null) void noteUse(directory);
    return saved;
  }

  /** Lets one process make the template while others wait. Loads more than a warm start needs. */
  async lock(templateKey: string, signal: AbortSignal | undefined): Promise<FileLock> {
    const { lockFile } = await import('../../host/file-lock.ts');
    return lockFile(join(this.#parent, `${templateKey}.lock`), 'exclusive', { signal });
  }

  /**
   * Adds a template that `save` writes into the directory it is given. The caller holds the lock.
   * @throws {GondolinError} what `save` throws; HOST_… when the disk is full or the directory another user's.
   */
  async add(
    templateKey: string,
    facts: TemplateFacts,
    save: (directory: string) => Promise<ChannelCounts>,
  ): Promise<void> {
    try {
      await sweepTemporaries(this.#parent);
      await buildDirectoryAtomic(this.directoryOf(templateKey), async (directory) => {
        const channel = await save(directory);
        await writeFile(join(directory, FACTS), `${JSON.stringify(facts)}\n`, { mode: 0o600 });
        await writeManifest(directory, templateKey, facts.memoryBytes, channel);
      });
    } catch (error) {
      throw asHostError(error, this.#parent);
    }
  }

  /** Every template, the longest unused first. */
  async list(): Promise<ListedTemplate[]> {
    const entries = await listSavedDirectories(this.#parent, isTemplateName);
    return Promise.all(
      entries.map(async (entry) => ({ ...entry, image: await readImageTitle(entry.path) })),
    );
  }

  /** Removes a template; a start that wants it afterwards makes it anew. */
  async discard(templateKey: string): Promise<void> {
    await mkdir(this.#parent, { recursive: true, mode: 0o700 });
    const aside = join(this.#parent, temporaryName());
    try {
      await rename(this.directoryOf(templateKey), aside);
    } catch (error) {
      // Another gondolin was faster.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await rm(aside, { recursive: true, force: true });
  }
}
