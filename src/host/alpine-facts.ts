import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type Environment, NAMES } from './directories.ts';

/** This user's settings of Alpine packages. */
export interface AlpineFacts {
  /** `GONDOLIN_ALPINE_MIRROR`; null when unset or empty. */
  readonly mirror: string | null;
  /** The directory `GONDOLIN_ALPINE_KEYS`, or `gondolin/apk-keys` of the configuration directory. It need not exist. */
  readonly keysDirectory: string;
}

export function readAlpineFacts(env: Environment = process.env): AlpineFacts {
  const base = env['XDG_CONFIG_HOME'] ?? '';
  const config = isAbsolute(base) ? base : join(env['HOME'] ?? homedir(), '.config');
  return {
    mirror: env['GONDOLIN_ALPINE_MIRROR'] || null,
    keysDirectory: env['GONDOLIN_ALPINE_KEYS'] || join(config, NAMES.application, 'apk-keys'),
  };
}
