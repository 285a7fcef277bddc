import { cacheKey } from '../cache/cache-key.ts';
import { alpineError, quotedText } from './alpine-error.ts';
import { type Dependency, parseDependency } from './dependency.ts';
import type { ApkKey, Keyring } from './keyring.ts';
import type { IndexedPackage } from './resolve/package-names.ts';

/** Raised with any change that gives other bytes for the same packages. */
const BUILDER_VERSION = 1;

/** The packages that make a system one can work in, as Alpine's own `minirootfs` has them. */
const ALPINE_BASE_PACKAGES: readonly string[] = [
  'alpine-baselayout',
  'alpine-keys',
  'alpine-release',
  'apk-tools',
  'busybox',
  'libc-utils',
];
/** The repositories of a mirror, the preferred one first. */
const REPOSITORIES = ['main', 'community'] as const;

/** The description of an image of Alpine packages. */
export interface AlpineRequest {
  /** `3.23`, `3.23.0` or `edge`; a third number chooses nothing, because a mirror has the newest of a branch. */
  readonly version: string;
  /** Directory of the mirror. @default `v3.23` for the version `3.23.0`, `edge` for `edge` */
  readonly branch?: string | undefined;
  /** URL above `v3.23/main/x86_64/APKINDEX.tar.gz`. */
  readonly mirror: string;
  readonly arch: 'x86_64' | 'aarch64';
  /** Beside the base, as words of `/etc/apk/world`: `nodejs`, `curl>=8`, `!nano`. */
  readonly packages: readonly string[];
  /** @default ALPINE_BASE_PACKAGES */
  readonly base?: readonly string[];
  /** Public keys by the names that signatures have for them. */
  readonly keysDirectory: string;
  /** The packages that the image has, each `VERSION CHECKSUM`. @default the newest */
  readonly locked?: Readonly<Record<string, string>> | undefined;
}

/** A package that the image will have. */
export interface PlannedPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  readonly sizeBytes: number;
  /** The checksum of the index: `Q1` and the SHA-1 of its control part, which names the SHA-256 of the rest. */
  readonly checksum: string;
  readonly url: string;
  readonly pkg: IndexedPackage;
}

/** The packages of an image, in the order in which they are installed. */
export interface AlpinePlan {
  readonly packages: readonly PlannedPackage[];
  /** Equal digests give equal images: 64 hex digits. */
  readonly digest: string;
  readonly arch: AlpineRequest['arch'];
  /** The lines of `/etc/apk/world` and `/etc/apk/repositories`. */
  readonly world: readonly string[];
  readonly repositories: readonly string[];
  /** The keys that the indexes are signed with; they go into the image. */
  readonly keys: readonly ApkKey[];
  readonly keyring: Keyring;
}

const VERSION = /^(?:[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?(?:_[a-z0-9]+)?|edge)$/;
const BRANCH = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Without a password, which would be written into the image. */
const MIRROR = /^https?:\/\/[^\s@?#"'\\]+$/;

/**
 * Checks what becomes part of URLs and files of the image.
 * @throws {GondolinError} IMAGE_RECIPE_INVALID naming the first value that is wrong.
 */
export function checkAlpineRequest(request: AlpineRequest): void {
  const { version, branch, mirror } = request;
  if (!VERSION.test(version)) throw invalid('version', version, 'a version of Alpine such as 3.23');
  if (branch !== undefined && !BRANCH.test(branch)) {
    throw invalid('branch', branch, 'a branch such as v3.23 or edge');
  }
  if (!MIRROR.test(mirror)) {
    const shown = mirror.replace(/\/\/[^/]*@/, '//…@');
    throw invalid('mirror', shown, 'an http or https URL without a user and a password');
  }
  worldOf(request);
}

/** The wishes of a request, sorted, each once. */
export function worldOf({ packages, base = ALPINE_BASE_PACKAGES }: AlpineRequest): Dependency[] {
  const words = [...new Set([...base, ...packages])].toSorted();
  return words.map((word) => {
    const dependency = parseDependency(word);
    if (dependency === null) {
      throw invalid('package', word, 'the name of an Alpine package, perhaps with a version');
    }
    return dependency;
  });
}

/** The URLs of the repositories, without the architecture. */
export function repositoryUrls({ version, branch, mirror }: AlpineRequest): string[] {
  const [major, minor] = version.split('.');
  const directory = branch ?? (minor === undefined ? version : `v${major}.${minor}`);
  return REPOSITORIES.map((name) => `${mirror.replace(/\/+$/, '')}/${directory}/${name}`);
}

/** Digest over all that decides the bytes of the image. */
export function planDigest(plan: Omit<AlpinePlan, 'digest' | 'keyring'>): string {
  const { arch, world, repositories, keys, packages } = plan;
  return cacheKey({
    builder: BUILDER_VERSION,
    arch,
    world,
    repositories,
    keys: keys.map(({ name, pem }) => [name, pem.toString('base64')]),
    packages: packages.map(({ name, version, checksum }) => [name, version, checksum]),
  });
}

function invalid(what: string, value: string, wanted: string) {
  return alpineError('IMAGE_RECIPE_INVALID', `${what} ${quotedText(value)} is not ${wanted}`);
}
