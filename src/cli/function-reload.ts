import type { FunctionConfig } from '../config/config.ts';
import type { FunctionPool } from '../js/serve/function-pool.ts';
import { readFunction } from './function-source.ts';
import type { CliIo } from './io.ts';
import { plainText } from './ui/text/describe.ts';

/** Several writes of an editor count as one. */
const DEBOUNCE_MS = 100;

export interface WatchedFunctions {
  /** Stops watching, and waits for a reload that is under way. */
  close(): Promise<void>;
}

/**
 * Loads a function again whenever the file of its handler changes, for calls from then on. One that does not load leaves the last
 * version in use, and its error on standard error.
 */
export async function watchFunctions(
  configs: readonly FunctionConfig[],
  pools: ReadonlyMap<string, FunctionPool>,
  { stderr }: Pick<CliIo, 'stderr'>,
): Promise<WatchedFunctions> {
  const { FileChanges } = await import('../watch/files/file-changes.ts');
  const say = (text: string) => void stderr.write(`${plainText(text)}\n`);
  const reload = async (config: FunctionConfig) => {
    try {
      await pools.get(config.name)?.replace(await readFunction(config));
      say(`reloaded: ${config.name}`);
    } catch (error) {
      say(
        `not reloaded: ${config.name}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
  let last: Promise<unknown> = Promise.resolve();
  const changes = new FileChanges({
    roots: configs.map(({ handlerPath }) => ({ path: handlerPath, ignore: null })),
    debounceMs: DEBOUNCE_MS,
    isOwn: () => false,
    onBatch: (paths) => {
      const changed = configs.filter(({ handlerPath }) => paths.includes(handlerPath));
      last = last.then(() => Promise.all(changed.map(reload)));
    },
    onNotice: say,
    onError: ({ message }) => say(`functions are not watched any more: ${message}`),
  });
  await changes.isRead;
  return {
    async close() {
      await changes.close();
      await last;
    },
  };
}
