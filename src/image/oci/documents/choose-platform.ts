import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { ImageIndex, IndexEntry } from './manifest.ts';

/** Go's names of the processors. */
export const GO_ARCHITECTURES = { x86_64: 'amd64', aarch64: 'arm64' } as const;

export type Arch = keyof typeof GO_ARCHITECTURES;

/** Variants that every machine of that processor runs, the best first; empty means none is named. */
const VARIANTS: Readonly<Record<Arch, readonly string[]>> = {
  x86_64: ['', 'v1'],
  aarch64: ['v8', ''],
};

/**
 * Returns the entry of an index for Linux on this processor. One that names no platform is taken if it is the only one.
 * @throws {GondolinError} IMAGE_PLATFORM_MISSING with the platforms there are.
 */
export function choosePlatform(index: ImageIndex, arch: Arch, name: string): IndexEntry {
  const architecture = GO_ARCHITECTURES[arch];
  const fitting = index.manifests.filter(
    ({ platform }) => platform.os === 'linux' && platform.architecture === architecture,
  );
  for (const variant of VARIANTS[arch]) {
    const found = fitting.find(({ platform }) => (platform.variant ?? '') === variant);
    if (found !== undefined) return found;
  }
  const [only] = index.manifests;
  const isOnly = index.manifests.length === 1 && only?.platform.architecture === undefined;
  if (only !== undefined && isOnly) return only;
  throw platformMissing(name, arch, index.manifests.map(platformText));
}

function platformText({ platform }: IndexEntry): string {
  const { os = '?', architecture = '?', variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

export function platformMissing(name: string, arch: Arch, have: readonly string[]): GondolinError {
  const known = [...new Set(have)].filter((one) => one !== 'unknown/unknown').slice(0, 20);
  const shown = known.join(', ').replaceAll(/[^\x20-\x7e]/g, '?');
  return new GondolinError(
    'IMAGE_PLATFORM_MISSING',
    `Cannot use the image ${name}: it is not there for linux/${GO_ARCHITECTURES[arch]}, only for ${shown}`,
  );
}
