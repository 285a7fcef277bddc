import { dirname, join, relative } from 'node:path';
import type { VolumeConfig } from '../config.ts';
import type { PathKind } from '../file-access.ts';
import type { SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, report } from './check-context.ts';

/** A volume and its node in the file. */
export interface PlacedVolume {
  readonly volume: VolumeConfig;
  readonly node: SourceNode;
}

type HostVolume = Extract<VolumeConfig, { kind: 'host' }>;

/** Returns the volume in which `path` would be a mount point: the deepest one above it. */
function enclosing(volumes: readonly VolumeConfig[], path: string): VolumeConfig | undefined {
  return volumes
    .filter(({ guestPath }) => path.startsWith(`${guestPath}/`))
    .toSorted((a, b) => b.guestPath.length - a.guestPath.length)[0];
}

/** Returns the path itself, or the nearest directory or file above it that exists. */
function nearestExisting(context: CheckContext, path: string): [path: string, kind: PathKind] {
  for (let at = path; ; at = dirname(at)) {
    const kind = context.access.pathKind(at);
    if (kind !== 'missing' || at === dirname(at)) return [at, kind];
  }
}

/** Returns why `volume` has no mount point in `outer`, with a hint; null when it has one, or the guest can create it. */
function missingMountPoint(
  context: CheckContext,
  volume: VolumeConfig,
  outer: HostVolume,
): [problem: string, hint: string] | null {
  if (context.access.pathKind(outer.hostPath) === 'file') {
    return [`is below "${outer.guestPath}", which is a file`, 'Mount it somewhere else.'];
  }
  const isFile = volume.kind === 'host' && context.access.pathKind(volume.hostPath) === 'file';
  const want: PathKind = isFile ? 'file' : 'directory';
  const place = join(outer.hostPath, relative(outer.guestPath, volume.guestPath));
  const [found, kind] = nearestExisting(context, place);
  if (found === place ? kind !== want : kind !== 'directory') {
    const problem = `needs a ${want} as its mount point, but ${found} is ${kind === 'directory' ? 'a directory' : 'a file'}`;
    return [problem, 'Give it another guest path, or change what is at that path on the host.'];
  }
  if (found === place || !outer.isReadonly) return null;
  const where = `the read-only volume at "${outer.guestPath}" has no ${want} ${place}`;
  return [
    `cannot be created: ${where}`,
    `Create that ${want} on the host, or make the outer volume writable.`,
  ];
}

/** Reports volumes that cannot be mounted beside or inside each other, before any VM starts. */
export function reportVolumeConflicts(
  context: CheckContext,
  placed: readonly PlacedVolume[],
): void {
  const volumes = placed.map(({ volume }) => volume);
  const seen = new Set<string>();
  for (const { volume, node } of placed) {
    const { guestPath } = volume;
    if (seen.has(guestPath)) {
      const message = `volume: guest path "${guestPath}" is taken by another volume`;
      report(context, node, 'mount_conflict', message);
    }
    seen.add(guestPath);
    const outer = enclosing(volumes, guestPath);
    const missing = outer?.kind === 'host' ? missingMountPoint(context, volume, outer) : null;
    if (missing === null) continue;
    const [problem, hint] = missing;
    report(context, node, 'mount_conflict', `volume: guest path "${guestPath}" ${problem}`, hint);
  }
}
