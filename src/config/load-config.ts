import { dirname, join, resolve } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Config } from './config.ts';
import type { GivenArgs } from './expand/read-args.ts';
import { type FileAccess, realFiles } from './file-access.ts';
import { readingFiles } from './remote-files.ts';
import type { HostEnv } from './yaml/interpolate.ts';

export interface LoadConfigOptions {
  /** The project file; a relative path starts at `directory`. @default the nearest one, see `directory` */
  readonly file?: string;
  /** Directory at which the search for a project file starts; it continues in each directory above. */
  readonly directory: string;
  readonly env: HostEnv;
  /** Overrides the project's name. */
  readonly projectName?: string;
  /** Values of the project's `args:` by name. */
  readonly args?: GivenArgs;
}

const FILE_NAMES = ['gondolin.yaml', 'gondolin.yml'];

/**
 * Returns the project file that `loadConfig` reads, which need not exist if it was named.
 * @throws {GondolinError} CONFIG_NOT_FOUND
 */
export function findProjectFile({
  file,
  directory,
}: Pick<LoadConfigOptions, 'file' | 'directory'>): string {
  return file === undefined ? findFile(directory, realFiles) : resolve(directory, file);
}

function findFile(start: string, access: FileAccess): string {
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    for (const name of FILE_NAMES) {
      const path = join(directory, name);
      if (access.pathKind(path) === 'file') return path;
    }
    if (dirname(directory) === directory) break;
  }
  throw new GondolinError(
    'CONFIG_NOT_FOUND',
    `no gondolin.yaml in ${resolve(start)} or a directory above it`,
  );
}

/**
 * Finds, reads and checks the project file.
 * @throws {GondolinError} CONFIG_NOT_FOUND; HOST_FILES_UNREACHABLE when a remote file system with the project or a volume hangs
 * @throws {ConfigError} CONFIG_INVALID with every mistake at once.
 */
export function loadConfig(options: LoadConfigOptions): Promise<Config> {
  return readingFiles((access) => loadWith(access, options));
}

async function loadWith(access: FileAccess, options: LoadConfigOptions): Promise<Config> {
  const { file, directory, env, projectName, args = {} } = options;
  const path = file === undefined ? findFile(directory, access) : resolve(directory, file);
  const { text, problem } = access.readText(path);
  if (text === undefined)
    throw new GondolinError('CONFIG_NOT_FOUND', `cannot read ${path}: ${problem}`);
  const source = { path, text: text.replace(/^\uFEFF/, '') };
  // The parser and the schema take 60 ms to load: only once there is something to read.
  const { readConfig } = await import('./read-config.ts');
  return readConfig(source, {
    access,
    env,
    args,
    ...(projectName === undefined ? {} : { projectName }),
  });
}
