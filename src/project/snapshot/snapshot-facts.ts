import type { ImagePlan, MountPlan, SandboxPlan } from '../../plan/plan.ts';

/** What a snapshot says about itself: all that the sandbox which goes on from it must have. Plain data. */
export interface SnapshotFacts {
  readonly version: 1;
  readonly name: string;
  readonly project: string;
  readonly sandbox: string;
  readonly createdAtMs: number;
  readonly image: ImagePlan;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly root: 'memory' | 'readonly';
  readonly mounts: readonly MountPlan[];
}

/** What is written beside a saved machine of this sandbox. */
export function snapshotFactsOf(
  name: string,
  project: string,
  { name: sandbox, image, vm }: SandboxPlan,
  createdAtMs: number,
): SnapshotFacts {
  const { cpus, memoryBytes, root, mounts } = vm;
  const machine = { image, cpus, memoryBytes, root, mounts };
  return { version: 1, name, project, sandbox, createdAtMs, ...machine };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMount(value: unknown): boolean {
  if (!isRecord(value) || typeof value['guestPath'] !== 'string') return false;
  return value['kind'] === 'memory'
    ? Number.isSafeInteger(value['sizeBytes'])
    : value['kind'] === 'host' && typeof value['hostPath'] === 'string';
}

function isImage(value: unknown): boolean {
  if (!isRecord(value) || typeof value['name'] !== 'string') return false;
  const recipe = value['recipe'];
  if (!isRecord(recipe)) return false;
  const { kind, path, arch, release, packages, mirror } = recipe;
  if (kind === 'path') return typeof path === 'string';
  const areNames = Array.isArray(packages) && packages.every((name) => typeof name === 'string');
  const areTexts = typeof arch === 'string' && typeof release === 'string';
  return (
    kind === 'debian' && areTexts && areNames && (mirror === null || typeof mirror === 'string')
  );
}

/** Reads what a snapshot says about itself; null when it is cut off, of another version, or not ours. Pure. */
export function parseSnapshotFacts(text: string): SnapshotFacts | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value['version'] !== 1) return null;
  const { name, project, sandbox, createdAtMs, image, cpus, memoryBytes, root, mounts } = value;
  const isFine =
    [name, project, sandbox].every((field) => typeof field === 'string') &&
    Number.isFinite(createdAtMs) &&
    Number.isSafeInteger(cpus) &&
    Number.isSafeInteger(memoryBytes) &&
    (root === 'memory' || root === 'readonly') &&
    isImage(image) &&
    Array.isArray(mounts) &&
    mounts.every(isMount);
  return isFine ? (value as unknown as SnapshotFacts) : null;
}
