import { dirname, resolve } from 'node:path';
import type { VolumeConfig } from '../config.ts';
import { getChild, getItems, type ScalarNode, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, flagOr, isScalar, report, textOr } from './check-context.ts';
import { isReservedGuestPath, resolveGuestPath, SYSTEM_PATH_HINT } from './guest-path.ts';
import { readSizeBytes, type SizeLimits } from './quantities.ts';
import { type PlacedVolume, reportVolumeConflicts } from './volume-conflicts.ts';

/** At least one page, the unit of tmpfs: zero would mean no limit there. */
const SIZE_LIMITS: SizeLimits = { key: 'volume: size', fallback: '256MiB', min: '4KiB' };
const OVERLAY_HINT =
  'Write `host:guest:ro`, and let a step copy what it changes: `cp -a /guest/. .` in the workspace.';
const READONLY_WORDS = ['ro', 'readonly'];

/** The facts of a sandbox that its volumes depend on. */
export interface VolumePlace {
  /** Absolute guest path at which relative ones start. */
  readonly workspace: string;
  /** Memory of the VM, in bytes. */
  readonly memoryBytes: number;
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
    report(context, node, 'path_missing', `volume: host path does not exist: ${absolute}`);
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
  if (option === 'overlay') {
    const message = 'volume: option "overlay": not supported in this version';
    report(context, node, 'later_key', message, OVERLAY_HINT);
    return;
  }
  const shown = node.template === undefined ? `"${option}"` : `in "${node.template}"`;
  report(context, node, 'bad_value', `volume: unknown option ${shown} (use 'ro' for readonly)`);
}

function readShort(
  context: CheckContext,
  node: ScalarNode,
  workspace: string,
): VolumeConfig | null {
  const [host = '', guest = '', option] = node.text.split(':');
  if (option !== undefined && !READONLY_WORDS.includes(option)) {
    reportOption(context, node, option);
  }
  const from = hostPath(context, node, host);
  const to = guestPath(context, node, guest, workspace);
  if (from === null || to === null) return null;
  return { kind: 'host', hostPath: from, guestPath: to, isReadonly: option !== undefined };
}

function readLong(context: CheckContext, node: SourceNode, workspace: string): VolumeConfig | null {
  const target = getChild(node, 'target');
  if (!isScalar(target)) return null;
  const to = guestPath(context, target, target.text, workspace);
  if (textOr(getChild(node, 'type'), '') === 'memory') {
    const size = readSizeBytes(context, getChild(node, 'size'), SIZE_LIMITS);
    return to === null ? null : { kind: 'memory', guestPath: to, sizeBytes: size };
  }
  const source = getChild(node, 'source');
  if (!isScalar(source)) return null;
  const from = hostPath(context, source, source.text);
  const isReadonly = flagOr(getChild(node, 'read_only'), false);
  return from === null || to === null
    ? null
    : { kind: 'host', hostPath: from, guestPath: to, isReadonly };
}

/** Returns memory for a workspace that no volume covers, so that steps always have a directory to start in. */
function workspaceVolume(
  volumes: readonly VolumeConfig[],
  { workspace, memoryBytes }: VolumePlace,
): VolumeConfig[] {
  const isCovered = volumes.some(
    ({ guestPath: path }) => workspace === path || workspace.startsWith(`${path}/`),
  );
  if (isCovered || workspace === '/') return [];
  return [{ kind: 'memory', guestPath: workspace, sizeBytes: Math.floor(memoryBytes / 2) }];
}

/** Reads `volumes:` of a sandbox, and adds the workspace. */
export function readVolumes(
  context: CheckContext,
  node: SourceNode | undefined,
  place: VolumePlace,
): VolumeConfig[] {
  const { workspace } = place;
  const placed: PlacedVolume[] = [];
  for (const item of getItems(node)) {
    const volume =
      item.kind === 'scalar'
        ? readShort(context, item, workspace)
        : readLong(context, item, workspace);
    if (volume !== null) placed.push({ volume, node: item });
  }
  reportVolumeConflicts(context, placed);
  const volumes = placed.map(({ volume }) => volume);
  return [...workspaceVolume(volumes, place), ...volumes];
}
