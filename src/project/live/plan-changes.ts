import { isDeepStrictEqual } from 'node:util';
import type { SandboxPlan } from '../../plan/plan.ts';

/** Parts of a sandbox's plan that have another name or place in the project file. */
const KEYS: Readonly<Record<string, string>> = {
  'vm.cpus': 'resources.cpus',
  'vm.memoryBytes': 'resources.memory',
  'vm.timeoutMs': 'resources.timeout',
  'vm.mounts': 'volumes',
  'vm.maskedEnv': 'env',
  'vm.envOutputs': 'env',
  'service.runOutputs': 'run',
  'service.command': 'run',
  'service.healthcheck': 'healthcheck',
};

/** Parts whose entries are named one by one, and the field that names an entry. */
const NAMED_LISTS: Readonly<Record<string, string>> = {
  steps: 'name',
  secrets: 'name',
  'vm.mounts': 'guestPath',
};

/** Does not decide about what runs. */
const IGNORED: ReadonlySet<string> = new Set([
  'name',
  'profiles',
  'matrix',
  'matrixOf',
  'artifacts',
  'reports',
  'watch',
]);

function toKey(path: string): string {
  const known = KEYS[path];
  if (known !== undefined) return known;
  const own = path.replace(/^(?:vm|service)\./, '').replace(/(?<=\w)Ms$/, '');
  return own.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Makes the entries of a list that has names fields of an object; anything else stays. */
function byName(value: unknown, path: string): unknown {
  const field = NAMED_LISTS[path];
  if (field === undefined || !Array.isArray(value)) return value;
  return Object.fromEntries(value.map((entry: Fields) => [String(entry[field]), entry]));
}

/** These have parts that the project file names; of others only the whole is named. */
const DEEP: ReadonlySet<string> = new Set(['', 'vm', 'service', 'network', 'vm.env']);

function hasParts(path: string): boolean {
  return DEEP.has(path) || path in NAMED_LISTS;
}

/** The key of a part of `path`. */
function keyOf(path: string, name: string): string {
  const isEntry = path in NAMED_LISTS || path === 'vm.env';
  return isEntry ? `${toKey(path)}.${name}` : toKey(innerPath(path, name));
}

function innerPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function collectParts(path: string, old: Fields, next: Fields, found: string[]): void {
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const [before, after] = [old[name], next[name]];
    const isSame = isDeepStrictEqual(before, after);
    if (isSame || (path === '' && IGNORED.has(name))) continue;
    const inner = innerPath(path, name);
    if (hasParts(inner)) collect(inner, before, after, found);
    else found.push(keyOf(path, name));
  }
}

function collect(path: string, before: unknown, after: unknown, found: string[]): void {
  const [old, next] = [byName(before, path), byName(after, path)];
  const count = found.length;
  if (isFields(old) && isFields(next)) collectParts(path, old, next, found);
  else found.push(path === 'service' ? 'run' : toKey(path));
  // The same entries in another order.
  if (found.length === count && path in NAMED_LISTS) found.push(toKey(path));
}

/**
 * Returns the keys of the project file in which two plans of a sandbox differ, such as `image`, `env.MODE`, `steps.build` and
 * `network.allowed_hosts`: names only, never values. Empty if both start the same. Pure.
 */
export function changedKeys(before: SandboxPlan, after: SandboxPlan): string[] {
  const found: string[] = [];
  collect('', before, after, found);
  return [...new Set(found)];
}
