import { existsSync, statSync } from 'node:fs';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { inputRoots } from '../../project/checkpoint/find-inputs.ts';
import type { WatchedRoot } from '../files/file-changes.ts';
import { IgnoreRules } from '../files/ignore-rules.ts';

async function rootsOf(sandbox: SandboxPlan): Promise<WatchedRoot[]> {
  const { watch, vm, steps } = sandbox;
  const ignore = { patterns: watch.ignore, base: watch.directory };
  if (watch.rules.length > 0) return watch.rules.map(({ path }) => ({ path, ignore }));
  const mounts = vm.mounts.flatMap((mount) =>
    mount.kind === 'host' || mount.kind === 'copy' ? [mount.hostPath] : [],
  );
  const inputs = await Promise.all(steps.map((step) => inputRoots(step.inputs)));
  return [...new Set([...mounts, ...inputs.flat()])].map((path) => ({ path, ignore }));
}

/** True when a root is watched with another one: inside it, and not ignored there. What the project file names is meant. */
function isCovered(path: string, { path: root, ignore }: WatchedRoot): boolean {
  if (ignore === null || path === root || !path.startsWith(`${root}/`)) return false;
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return !new IgnoreRules({ root, ...ignore }).isIgnored(path, isDirectory);
}

/**
 * Returns what is watched for a plan: the rules' paths, or the volumes and inputs of the steps; and the project file with the files that it is
 * read with. What another root covers is left out.
 */
export async function watchedRoots(plan: Plan): Promise<WatchedRoot[]> {
  const found = (await Promise.all(plan.sandboxes.map(rootsOf))).flat();
  const byPath = new Map<string, WatchedRoot>();
  for (const root of found) {
    const before = byPath.get(root.path);
    const patterns = [...(before?.ignore?.patterns ?? []), ...(root.ignore?.patterns ?? [])];
    const base = root.ignore?.base ?? plan.directory;
    byPath.set(root.path, { path: root.path, ignore: { patterns: [...new Set(patterns)], base } });
  }
  const trees = [...byPath.values()];
  const outer = trees.filter((root) => !trees.some((other) => isCovered(root.path, other)));
  const authority = [...plan.configFiles, ...plan.authorityFiles].filter((path) =>
    existsSync(path),
  );
  return [...outer, ...authority.map((path) => ({ path, ignore: null }))];
}
