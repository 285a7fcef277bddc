import type { Config } from '../config/config.ts';
import type { FileChanges } from '../watch/files/file-changes.ts';
import type { ServedFunctions } from './served-functions.ts';

/** Several writes of an editor count as one. */
const DEBOUNCE_MS = 100;

type Project = Pick<Config, 'files' | 'functions'>;

export interface FunctionWatchOptions {
  readonly functions: ServedFunctions;
  /** The project as the functions were read from it. */
  readonly project: Project;
  /** Reads the project again. */
  readonly readProject: () => Promise<Project>;
  /** Receives lines for people. */
  readonly say: (line: string) => void;
}

/**
 * Keeps served functions as their files and the files of the project are, for calls from then on. What does not load leaves the last
 * version in use, and is said.
 */
export class FunctionWatch {
  readonly #options: FunctionWatchOptions;
  #projectFiles: readonly string[];
  readonly #changes: FileChanges[] = [];
  readonly #watched = new Set<string>();
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(options: FunctionWatchOptions) {
    this.#options = options;
    this.#projectFiles = options.project.files;
  }

  /** Resolves once changes are noticed. */
  static async start(options: FunctionWatchOptions): Promise<FunctionWatch> {
    const watch = new FunctionWatch(options);
    await watch.#follow(options.project);
    return watch;
  }

  /** Stops watching, and waits for a reload that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await Promise.all(this.#changes.map((changes) => changes.close()));
  }

  /** Watches the files of a project that are not watched yet. Those that it has no longer stay watched, and mean nothing. */
  async #follow({ files, functions }: Project): Promise<void> {
    const paths = new Set([...files, ...functions.map(({ handlerPath }) => handlerPath)]);
    const added = [...paths].filter((path) => !this.#watched.has(path));
    if (added.length === 0) return;
    const { FileChanges } = await import('../watch/files/file-changes.ts');
    const { say } = this.#options;
    const changes = new FileChanges({
      roots: added.map((path) => ({ path, ignore: null })),
      debounceMs: DEBOUNCE_MS,
      isOwn: () => false,
      onBatch: (changed) => {
        this.#last = this.#last.then(() => this.#take(changed));
      },
      onNotice: say,
      onError: ({ message }) => say(`functions are not watched any more: ${message}`),
    });
    this.#changes.push(changes);
    for (const path of added) this.#watched.add(path);
    await changes.isRead;
  }

  async #take(changed: readonly string[]): Promise<void> {
    const { functions, say } = this.#options;
    if (this.#isClosed) return;
    await functions.reload(changed);
    if (!changed.some((path) => this.#projectFiles.includes(path))) return;
    try {
      const project = await this.#options.readProject();
      // Before they are read: no change of theirs is missed.
      await this.#follow(project);
      this.#projectFiles = project.files;
      await functions.update(project.functions);
    } catch (error) {
      say(`not reloaded: the project: ${(error as Error).message}`);
    }
  }
}
