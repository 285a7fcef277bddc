import { GondolinError } from '../../errors/gondolin-error.ts';
import { CONFIG_MAX_BYTES } from '../oci/documents/image-config.ts';

type Json = Record<string, unknown>;

/** The part of an image's configuration that a build changes and reads. */
interface ReadConfig {
  readonly document: Json;
  readonly settings: Json;
  /** `NAME=value` lines. */
  readonly env: readonly string[];
}

/** @throws {GondolinError} IMAGE_MANIFEST_INVALID */
function readConfig(bytes: Buffer, name: string): ReadConfig {
  const document =
    bytes.length > CONFIG_MAX_BYTES ? null : asObject(JSON.parse(bytes.toString('utf8')));
  if (document === null) {
    const message = `Cannot use the image ${name}: its configuration is malformed`;
    throw new GondolinError('IMAGE_MANIFEST_INVALID', message);
  }
  const settings = asObject(document['config']) ?? {};
  const env: unknown = settings['Env'];
  const lines = Array.isArray(env) ? env.filter((line) => typeof line === 'string') : [];
  return { document, settings, env: lines };
}

function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : null;
}

function withEnv({ document, settings }: ReadConfig, env: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify({ ...document, config: { ...settings, Env: env } }));
}

const nameOf = (line: string) => line.slice(0, line.indexOf('='));

/**
 * Returns the configuration of a base image with the variables that make programs trust the authority of the builder: instructions get
 * the variables of their image, and a builder has no others for them.
 */
export function addTrust(
  config: Buffer,
  variables: Readonly<Record<string, string>>,
  name: string,
): Buffer {
  const read = readConfig(config, name);
  const others = read.env.filter((line) => !Object.hasOwn(variables, nameOf(line)));
  const own = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  return withEnv(read, [...others, ...own]);
}

/**
 * Returns the configuration of a built image without those variables.
 * @param base  The configuration of the image at its bottom, as it was before; null for `scratch`.
 */
export function removeTrust(
  config: Buffer,
  variables: Readonly<Record<string, string>>,
  base: Buffer | null,
  name: string,
): Buffer {
  const read = readConfig(config, name);
  const before = base === null ? [] : readConfig(base, name).env;
  const env = read.env.flatMap((line) => {
    const key = nameOf(line);
    const isOurs = Object.hasOwn(variables, key) && line === `${key}=${variables[key]}`;
    return isOurs ? before.filter((old) => nameOf(old) === key) : [line];
  });
  return withEnv(read, env);
}

/** Returns true if an image has ONBUILD instructions: they may read the context. */
export function hasTriggers(config: Buffer, name: string): boolean {
  const triggers = readConfig(config, name).settings['OnBuild'];
  return Array.isArray(triggers) && triggers.length > 0;
}
