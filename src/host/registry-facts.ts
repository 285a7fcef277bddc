import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Environment, NAMES } from './directories.ts';

/** This user's settings of registries of images. */
export interface RegistryFacts {
  /** `GONDOLIN_REGISTRY`; null when unset or empty. */
  readonly defaultRegistry: string | null;
  /** The file `GONDOLIN_REGISTRIES`, or `gondolin/registries.json` of the configuration directory; null for none. */
  readonly settings: { readonly path: string; readonly text: string } | null;
  /** Files in which Docker and Podman keep credentials, those to look at first at the start. They need not exist. */
  readonly credentialFiles: readonly string[];
  /** That of this process, for the helpers that keep credentials. */
  readonly environment: Environment;
}

const SETTINGS_MAX_BYTES = 1024 * 1024;

/**
 * @throws {GondolinError} IMAGE_REGISTRY_CONFIG_INVALID when the file named by `GONDOLIN_REGISTRIES` cannot be read, or is
 * longer than 1 MiB.
 */
export async function readRegistryFacts(env: Environment = process.env): Promise<RegistryFacts> {
  const home = env['HOME'] ?? homedir();
  const base = env['XDG_CONFIG_HOME'] ?? '';
  const config = isAbsolute(base) ? base : join(home, '.config');
  const named = env['GONDOLIN_REGISTRIES'] || null;
  const path = named ?? join(config, NAMES.application, 'registries.json');
  const text = await readSettings(path, named !== null);
  const docker = env['DOCKER_CONFIG'] || join(home, '.docker');
  const runtime = env['XDG_RUNTIME_DIR'] || null;
  return {
    defaultRegistry: env['GONDOLIN_REGISTRY'] || null,
    settings: text === null ? null : { path, text },
    credentialFiles: [
      ...(env['REGISTRY_AUTH_FILE'] ? [env['REGISTRY_AUTH_FILE']] : []),
      ...(runtime === null ? [] : [join(runtime, 'containers', 'auth.json')]),
      join(config, 'containers', 'auth.json'),
      join(docker, 'config.json'),
    ],
    environment: env,
  };
}

async function readSettings(path: string, isNeeded: boolean): Promise<string | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!isNeeded && (code === 'ENOENT' || code === 'ENOTDIR')) return null;
    throw invalid(path, 'it cannot be read', cause);
  }
  if (text.length > SETTINGS_MAX_BYTES) throw invalid(path, 'it is longer than 1 MiB');
  return text;
}

function invalid(path: string, problem: string, cause?: unknown): GondolinError {
  const message = `Cannot read the registries of ${path}: ${problem}`;
  return new GondolinError('IMAGE_REGISTRY_CONFIG_INVALID', message, { cause });
}
