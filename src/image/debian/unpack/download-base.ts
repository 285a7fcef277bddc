import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { RunToolsOptions } from '../../process/run-tools.ts';
import { findFetchedPackage } from '../apt-messages.ts';
import { openAptSession } from '../apt-session.ts';
import type { AptSource } from '../apt-source.ts';
import { chooseBase, hasMergedUsr, namedInBase } from '../choose-packages.ts';
import { downloadStanzas, type LockedPackages, stanzasOfLock } from '../locked-packages.ts';
import { unpackPackages } from './unpack-packages.ts';

export interface DownloadBaseOptions extends Omit<RunToolsOptions, 'onLine' | 'input'> {
  readonly release: string;
  readonly arch: 'x86_64' | 'aarch64';
  /** Where the packages come from. */
  readonly sources: readonly AptSource[];
  /** Packages of a lock; null for those of today. */
  readonly locked: LockedPackages | null;
  /** Packages to add to Debian's essential ones and apt. */
  readonly names: readonly string[];
  readonly onPhase: (phase: string, message: string, fraction: number) => void;
}

/** The packages of a base system, downloaded. */
export interface DownloadedBase {
  readonly packageCount: number;
  /**
   * Writes them as a tar archive of a root file system in which they are unpacked and not set up.
   * @throws {GondolinError} IMAGE_BUILD_FAILED, IMAGE_LAYER_INVALID.
   */
  readonly unpack: (target: Writable) => Promise<void>;
}

/** Where each part of the work begins. Measured: lists 3 s, choice 2, download 6, unpacking 4. */
const SHARES = { choose: 0.2, download: 0.33, unpack: 0.73 } as const;

/**
 * Downloads the packages of a base system.
 *
 * @throws {GondolinError} IMAGE_TOOL_MISSING, IMAGE_PACKAGE_UNKNOWN, IMAGE_PACKAGE_GONE, IMAGE_DIGEST_MISMATCH, IMAGE_BUILD_FAILED.
 */
export async function downloadBase(options: DownloadBaseOptions): Promise<DownloadedBase> {
  const { cwd, release, locked, names, signal, onPhase } = options;
  const session = join(cwd, 'base-apt');
  const pool = join(cwd, 'base-packages');
  for (const directory of [session, pool]) await mkdir(directory);
  onPhase('lists', 'reading package lists', 0);
  let count = 0;
  let fetched = 0;
  const apt = await openAptSession({
    ...options,
    cwd: session,
    onLine: (line) => {
      const name = count === 0 ? null : findFetchedPackage(line);
      if (name === null) return;
      fetched += 1;
      onPhase('download', `downloading packages: ${name}`, between('download', fetched / count));
    },
  });
  await apt.update();
  onPhase('lists', 'choosing packages', SHARES.choose);
  const stanzas =
    locked === null ? await chooseBase(apt, names, release) : await stanzasOfLock(locked, apt);
  count = stanzas.length;
  onPhase('download', 'downloading packages', SHARES.download);
  const files = await downloadStanzas(stanzas, apt, pool, signal);
  return {
    packageCount: count,
    unpack: (target) =>
      unpackPackages(files, target, {
        ...options,
        ...{ directory: pool, isMergedUsr: hasMergedUsr(stanzas), named: namedInBase(names) },
        onPackage: (name, index) =>
          onPhase('unpack', `unpacking packages: ${name}`, between('unpack', index / count)),
      }),
  };
}

function between(part: 'download' | 'unpack', share: number): number {
  const end = part === 'download' ? SHARES.unpack : 1;
  return SHARES[part] + (end - SHARES[part]) * Math.min(share, 1);
}
