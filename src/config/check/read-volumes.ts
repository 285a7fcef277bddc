import { dirname, resolve } from 'node:path';
import type { VolumeConfig } from '../config.ts';
import {
  getChild,
  getEntries,
  getItems,
  type ScalarNode,
  type SourceNode,
} from '../yaml/source-node.ts';
import { type CheckContext, flagOr, isScalar, report, shownText, textOr } from './check-context.ts';
import { isReservedGuestPath, resolveGuestPath, SYSTEM_PATH_HINT } from './guest-path.ts';
import { readSizeBytes, type SizeLimits } from './quantities.ts';
import { type PlacedVolume, reportVolumeConflicts } from './volume-conflicts.ts';

/** At least one page, the unit of tmpfs: zero would mean no limit there. */
const SIZE_LIMITS: SizeLimits = { key: 'volume: size', fallback: '256MiB', min: '4KiB' };
const READONLY_WORDS = ['ro', 'readonly'];
const OVERLAY = 'overlay';
const OPTION_HINT =
  'Write `ro`, or `overlay`: the guest changes a copy in memory, and the host directory stays as it is.';

type HostVolume = Extract<VolumeConfig, { kind: 'host' }>;

const DISK_LIMITS: SizeLimits = { key: 'volume: size', fallback: '4GiB', min: '32MiB' };
const NAMED_VOLUME_HINT =
  'For a volume that is kept between runs write {type: volume, source: NAME, target: PATH}, or name it in `volumes` beside `sandboxes`.';
const VOLUME_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Sizes in bytes of the volumes that the project file names, by name. */
export type NamedVolumes = ReadonlyMap<string, number>;

/** Reads the top-level `volumes:` of a file with `sandboxes:`. */
export function readNamedVolumes(
  context: CheckContext,
  node: SourceNode | undefined,
): NamedVolumes {
  const entries = getEntries(node).map(
    ([name, { value }]) =>
      [name, readSizeBytes(context, getChild(value, 'size'), DISK_LIMITS)] as const,
  );
  return new Map(entries);
}

/** The facts of a sandbox that its volumes depend on. */
export interface VolumePlace {
  /** Absolute guest path at which relative ones start. */
  readonly workspace: string;
  /** Memory of the VM, in bytes. */
  readonly memoryBytes: number;
  readonly named: NamedVolumes;
  /** False when the workspace is a directory of the root where no volume covers it. */
  readonly hasMemory: boolean;
}

function guestPath(
  context: CheckContext,
  node: SourceNode,
  path: string,
  workspace: string,
): string | null {
  const clean = resolveGuestPath(path, workspace);
  const shown = node.kind === 'scalar' && node.template !== undefined ? node.template : path;
  if (clean === null) {
    report(context, node, 'guest_path', `volume: guest path "${shown}" leaves the workspace`);
    return null;
  }
  if (!isReservedGuestPath(clean)) return clean;
  const message = `volume: guest path "${shown}" is reserved for the guest's system`;
  report(context, node, 'guest_path', message, SYSTEM_PATH_HINT);
  return null;
}

function hostPath(context: CheckContext, node: ScalarNode, path: string): string | null {
  const absolute = resolve(dirname(node.span.file.path), path);
  const kind = context.access.pathKind(absolute);
  if (kind === 'missing') {
    const message = `volume: host path does not exist: ${absolute}`;
    const hint = VOLUME_NAME.test(path) ? NAMED_VOLUME_HINT : undefined;
    report(context, node, 'path_missing', message, hint);
    return null;
  }
  if (kind !== 'other') return absolute;
  report(
    context,
    node,
    'path_kind',
    `volume: host path is neither a directory nor a file: ${absolute}`,
  );
  return null;
}

function reportOption(context: CheckContext, node: ScalarNode, option: string): void {
  const shown = node.template === undefined ? `"${option}"` : `in "${node.template}"`;
  const message = `volume: unknown option ${shown} (use 'ro' for readonly)`;
  report(context, node, 'bad_value', message, OPTION_HINT);
}

/** Returns a host directory of which the guest changes a copy in memory. */
function asOverlay(
  context: CheckContext,
  node: ScalarNode,
  volume: HostVolume,
  size: SourceNode | undefined,
): HostVolume | null {
  if (context.access.pathKind(volume.hostPath) !== 'directory') {
    const message = `volume: an overlay is of a directory, and this is a file: ${volume.hostPath}`;
    report(context, node, 'path_kind', message);
    return null;
  }
  return { ...volume, overlay: { sizeBytes: readSizeBytes(context, size, SIZE_LIMITS) } };
}

function readShort(
  context: CheckContext,
  node: ScalarNode,
  { workspace, named }: VolumePlace,
): VolumeConfig | null {
  const [host = '', guest = '', option] = node.text.split(':');
  const sizeBytes = named.get(host);
  const isOverlay = option === OVERLAY && sizeBytes === undefined;
  const isReadonly = option !== undefined && !isOverlay;
  if (isReadonly && !READONLY_WORDS.includes(option)) reportOption(context, node, option);
  const to = guestPath(context, node, guest, workspace);
  if (sizeBytes !== undefined) {
    return to === null ? null : { kind: 'disk', name: host, guestPath: to, sizeBytes, isReadonly };
  }
  const from = hostPath(context, node, host);
  if (from === null || to === null) return null;
  const volume: HostVolume = { kind: 'host', hostPath: from, guestPath: to, isReadonly };
  return isOverlay ? asOverlay(context, node, volume, undefined) : volume;
}

function readDisk(
  context: CheckContext,
  node: SourceNode,
  source: ScalarNode,
  named: NamedVolumes,
): Omit<Extract<VolumeConfig, { kind: 'disk' }>, 'guestPath' | 'isReadonly'> | null {
  const name = source.text;
  if (!VOLUME_NAME.test(name)) {
    const shown = shownText(source);
    const want = 'a name of lower-case letters, digits, _ and -';
    report(context, source, 'bad_value', `volume: source: got "${shown}", want ${want}`);
    return null;
  }
  const size = getChild(node, 'size');
  const declared = named.get(name);
  if (size === undefined && declared !== undefined) {
    return { kind: 'disk', name, sizeBytes: declared };
  }
  return { kind: 'disk', name, sizeBytes: readSizeBytes(context, size, DISK_LIMITS) };
}

function readLong(
  context: CheckContext,
  node: SourceNode,
  { workspace, named }: VolumePlace,
): VolumeConfig | null {
  const target = getChild(node, 'target');
  if (!isScalar(target)) return null;
  const to = guestPath(context, target, target.text, workspace);
  if (textOr(getChild(node, 'type'), '') === 'memory') {
    const size = readSizeBytes(context, getChild(node, 'size'), SIZE_LIMITS);
    return to === null ? null : { kind: 'memory', guestPath: to, sizeBytes: size };
  }
  const source = getChild(node, 'source');
  if (!isScalar(source)) return null;
  const isReadonly = flagOr(getChild(node, 'read_only'), false);
  if (textOr(getChild(node, 'type'), '') === 'volume') {
    const disk = readDisk(context, node, source, named);
    return disk === null || to === null ? null : { ...disk, guestPath: to, isReadonly };
  }
  const from = hostPath(context, source, source.text);
  if (from === null || to === null) return null;
  if (textOr(getChild(node, 'type'), '') === 'copy') {
    const usesGitignore = flagOr(getChild(node, 'gitignore'), false);
    return { kind: 'copy', hostPath: from, guestPath: to, usesGitignore };
  }
  const hasXattrs = flagOr(getChild(node, 'xattrs'), false);
  const volume: HostVolume = {
    ...{ kind: 'host', hostPath: from, guestPath: to, isReadonly },
    ...(hasXattrs ? { xattrs: true } : {}),
  };
  const isOverlay = textOr(getChild(node, 'type'), '') === OVERLAY;
  return isOverlay ? asOverlay(context, source, volume, getChild(node, 'size')) : volume;
}

/** Returns memory for a workspace that no volume covers, so that steps always have a directory to start in. */
function workspaceVolume(
  volumes: readonly VolumeConfig[],
  { workspace, memoryBytes, hasMemory }: VolumePlace,
): VolumeConfig[] {
  const isCovered = volumes.some(
    // Copied files are written to the workspace, which needs memory of its own.
    ({ kind, guestPath: path }) =>
      kind !== 'copy' && (workspace === path || workspace.startsWith(`${path}/`)),
  );
  if (isCovered || workspace === '/' || !hasMemory) return [];
  return [{ kind: 'memory', guestPath: workspace, sizeBytes: Math.floor(memoryBytes / 2) }];
}

/** Reads `volumes:` of a sandbox, and adds the workspace. */
export function readVolumes(
  context: CheckContext,
  node: SourceNode | undefined,
  place: VolumePlace,
): VolumeConfig[] {
  const placed: PlacedVolume[] = [];
  for (const item of getItems(node)) {
    const volume =
      item.kind === 'scalar' ? readShort(context, item, place) : readLong(context, item, place);
    if (volume !== null) placed.push({ volume, node: item });
  }
  reportVolumeConflicts(context, placed);
  const volumes = placed.map(({ volume }) => volume);
  return [...workspaceVolume(volumes, place), ...volumes];
}
