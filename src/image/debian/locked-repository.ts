import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GO_ARCHITECTURES } from '../oci/documents/choose-platform.ts';
import type { RunToolsOptions } from '../process/run-tools.ts';
import { openAptSession } from './apt-session.ts';
import type { AptSource } from './apt-source.ts';
import { downloadLocked, type LockedFile, type LockedPackages } from './locked-packages.ts';

export interface LockedRepositoryOptions extends Omit<RunToolsOptions, 'onLine' | 'input'> {
  readonly release: string;
  readonly arch: 'x86_64' | 'aarch64';
  /** Where the packages come from. */
  readonly sources: readonly AptSource[];
  readonly onPhase: (phase: string, message: string, fraction: number) => void;
}

/**
 * Writes a repository below `cwd` that has the packages of a lock and nothing else: whatever installs from it can choose no other
 * version. Every file is checked against the lock before anything is unpacked.
 *
 * @throws {GondolinError} those of `downloadLocked`; IMAGE_TOOL_MISSING.
 */
export async function writeLockedRepository(
  locked: LockedPackages,
  options: LockedRepositoryOptions,
): Promise<AptSource> {
  const { cwd, release, onPhase } = options;
  const architecture = GO_ARCHITECTURES[options.arch];
  const root = join(cwd, 'locked');
  const pool = join(root, 'pool');
  const session = join(cwd, 'locked-apt');
  for (const directory of [pool, session]) await mkdir(directory, { recursive: true });
  const apt = await openAptSession({ ...options, cwd: session });
  onPhase('lists', 'reading package lists', 0);
  await apt.update();
  const count = Object.keys(locked).length;
  onPhase('download', `downloading ${count} packages of the lock file`, 0.1);
  const files = await downloadLocked(locked, apt, pool, options.signal);
  await writeLists(root, release, architecture, files);
  // mmdebstrap takes no `file:`, which it could not see in its chroot.
  const place = { uri: `copy:${root}`, suite: release, components: ['main'] };
  return { ...place, signedBy: null, isTrusted: true };
}

async function writeLists(
  root: string,
  release: string,
  architecture: string,
  files: readonly LockedFile[],
): Promise<void> {
  const dist = join(root, 'dists', release);
  const name = `main/binary-${architecture}/Packages`;
  const packages = files.map(({ stanza, file }) => {
    const text = stanza.text.replace(/^Filename: .*$/m, `Filename: pool/${file}`);
    return `${text}\n\n`;
  });
  const list = Buffer.from(packages.join(''));
  const digest = createHash('sha256').update(list).digest('hex');
  const about = [
    `Suite: ${release}`,
    `Codename: ${release}`,
    'Date: Wed, 01 Jan 2025 00:00:00 UTC',
    `Architectures: ${architecture}`,
    'Components: main',
    'SHA256:',
    ` ${digest} ${list.length} ${name}`,
  ];
  await mkdir(join(dist, 'main', `binary-${architecture}`), { recursive: true });
  await writeFile(join(dist, name), list);
  await writeFile(join(dist, 'Release'), `${about.join('\n')}\n`);
}
