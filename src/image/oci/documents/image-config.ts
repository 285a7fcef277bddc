import {
  anything,
  type Decoder,
  decodeJson,
  dictionary,
  list,
  literal,
  object,
  partial,
  text,
  withDefault,
} from '../../../util/json-decoder.ts';
import { type Arch, GO_ARCHITECTURES, platformMissing } from './choose-platform.ts';
import { digestText } from './descriptor.ts';
import { manifestInvalid } from './manifest.ts';

/**
 * The part of an OCI image's configuration that is about running it. Untrusted text of whoever made the image, but each value is of its form.
 *
 * @example
 * const command = ({ entrypoint, cmd }: ContainerConfig) => [...entrypoint, ...cmd];
 */
export interface ContainerConfig {
  /** Variables that every process gets, unless the sandbox sets them otherwise. */
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  /** Arguments of the entrypoint, or the whole command where there is none. */
  readonly cmd: readonly string[];
  /** Absolute guest path; empty for none. */
  readonly workingDir: string;
  /** `UID[:GID]` or `NAME[:GROUP]`; empty for root. */
  readonly user: string;
  /** `8080/tcp` and the like. */
  readonly exposedPorts: readonly string[];
  /** Such as `SIGQUIT`; empty for none. */
  readonly stopSignal: string;
  /** The shell of commands that are strings: a login shell, as in images without a configuration of their own. @default plain */
  readonly shell?: 'login' | 'plain';
}

/** A configuration with the digests of the uncompressed layers. */
export interface ImageConfigDocument {
  readonly container: ContainerConfig;
  /** The lowest first. */
  readonly diffIds: readonly string[];
}

/** Longest configuration that is read. */
export const CONFIG_MAX_BYTES = 4 * 1024 * 1024;
const WORDS_MAX = 10_000;
const LAYERS_MAX = 1000;
const PORT = /^[0-9]+(?:-[0-9]+)?(?:\/[a-z]+)?$/;

interface RawContainer {
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly User: string;
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly StopSignal: string;
}

const word = text({ pattern: /^[^\0]*$/, maxLength: 128 * 1024 });
const words = list(word, { maxLength: WORDS_MAX });
const rawContainer = partial<RawContainer>({
  Env: words,
  Entrypoint: words,
  Cmd: words,
  WorkingDir: text({ pattern: /^[^\0\n]*$/, maxLength: 4096 }),
  User: text({ pattern: /^[^\0\n\s]*$/, maxLength: 256 }),
  ExposedPorts: dictionary(anything),
  StopSignal: text({ pattern: /^[A-Za-z0-9+-]*$/, maxLength: 32 }),
});

interface RawConfig {
  readonly os: string;
  readonly architecture: string;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
  readonly config: Partial<RawContainer>;
}

const rawConfig: Decoder<RawConfig> = object<RawConfig>({
  os: text(),
  architecture: text(),
  rootfs: object({
    type: literal('layers'),
    diff_ids: list(digestText, { maxLength: LAYERS_MAX }),
  }),
  config: withDefault((value, field) => (value === null ? {} : rawContainer(value, field)), {}),
});

/**
 * Reads the configuration of an image. Untrusted.
 *
 * @throws {GondolinError} IMAGE_MANIFEST_INVALID; IMAGE_PLATFORM_MISSING when it is for another processor.
 * @see OCI image-spec config.md
 */
export function parseImageConfig(bytes: Buffer, arch: Arch, name: string): ImageConfigDocument {
  const result = decodeJson(bytes.toString('utf8'), rawConfig);
  if (!result.ok) throw manifestInvalid(name, `its configuration is malformed: ${result.problem}`);
  const { os, architecture, rootfs, config } = result.value;
  if (os !== 'linux' || architecture !== GO_ARCHITECTURES[arch]) {
    throw platformMissing(name, arch, [`${os}/${architecture}`]);
  }
  return { container: toContainer(config), diffIds: rootfs.diff_ids };
}

/** Reads a configuration that gondolin has written, in the manifest of an image directory. Untrusted, as the directory may be anybody's. */
export const containerConfig: Decoder<ContainerConfig> = object<ContainerConfig>({
  env: dictionary(word),
  entrypoint: words,
  cmd: words,
  workingDir: text({ pattern: /^(?:\/[^\0\n]*)?$/, maxLength: 4096 }),
  user: text({ pattern: /^[^\0\n\s]*$/, maxLength: 256 }),
  exposedPorts: list(text({ pattern: PORT, maxLength: 32 }), { maxLength: WORDS_MAX }),
  stopSignal: text({ pattern: /^[A-Za-z0-9+-]*$/, maxLength: 32 }),
  shell: withDefault(literal('login', 'plain'), 'plain'),
});

/** Returns the configuration of an image that only sets variables. */
export function environmentOnly(env: Readonly<Record<string, string>>): ContainerConfig {
  const nothing = { entrypoint: [], cmd: [], workingDir: '', user: '', exposedPorts: [] };
  return { env, ...nothing, stopSignal: '', shell: 'login' };
}

function toContainer(raw: Partial<RawContainer>): ContainerConfig {
  const workingDir = raw.WorkingDir ?? '';
  return {
    env: Object.fromEntries((raw.Env ?? []).flatMap(toVariable)),
    entrypoint: raw.Entrypoint ?? [],
    cmd: raw.Cmd ?? [],
    workingDir: workingDir === '' || workingDir.startsWith('/') ? workingDir : `/${workingDir}`,
    user: raw.User ?? '',
    exposedPorts: Object.keys(raw.ExposedPorts ?? {}).filter((port) => PORT.test(port)),
    stopSignal: raw.StopSignal ?? '',
  };
}

function toVariable(line: string): [string, string][] {
  const equals = line.indexOf('=');
  return equals < 1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
}
