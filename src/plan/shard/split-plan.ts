import { createHash } from 'node:crypto';
import type { Plan, SandboxPlan, StepPlan } from '../plan.ts';
import { type DurationOf, type Durations, durationLookup, NO_DURATIONS } from './durations.ts';
import { type ShardPart, WHOLE } from './shard-variables.ts';
import { isCompanion, type ShardUnit, unitsOf } from './units.ts';

/** The part of one sandbox that one shard runs. */
export interface ShardWork {
  readonly sandbox: string;
  /** The chosen steps, in the order they run; those that they need run too. null: the sandbox as a whole. */
  readonly steps: readonly string[] | null;
  readonly part: ShardPart;
}

export interface Shard {
  /** Counts from 1. */
  readonly index: number;
  /** In the order of the plan; empty if there is not enough to do for that many shards. */
  readonly work: readonly ShardWork[];
}

/** The one list of shards behind `--shard`, every export and every cluster. Plain data. */
export interface ShardList {
  readonly shards: readonly Shard[];
  /** 64 hex digits over all shards: equal if and only if two splits are the same. */
  readonly digest: string;
}

/** One sandbox in one shard, while the list is made. */
interface Place {
  readonly steps: Set<string>;
  isWhole: boolean;
}

interface Bin {
  loadMs: number;
  readonly places: Map<string, Place>;
}

interface Weighted {
  readonly unit: ShardUnit;
  readonly key: string;
  readonly ms: number;
}

/** Estimates steps by an earlier run; one of unknown duration counts as the mean of those that are known. */
function estimator(
  plan: Plan,
  known: DurationOf,
): (sandbox: SandboxPlan, step: StepPlan) => number {
  const all = plan.sandboxes.flatMap((sandbox) =>
    sandbox.steps.flatMap((step) => known(sandbox.name, step.name) ?? []),
  );
  const mean = all.length === 0 ? 1 : all.reduce((sum, ms) => sum + ms, 0) / all.length;
  return (sandbox, step) => known(sandbox.name, step.name) ?? mean;
}

function weigh(
  unit: ShardUnit,
  estimate: (sandbox: SandboxPlan, step: StepPlan) => number,
): Weighted {
  const { sandbox } = unit;
  const sum = (steps: readonly StepPlan[]) =>
    steps.reduce((total, step) => total + estimate(sandbox, step), 0);
  if (unit.kind === 'step') {
    // No name contains a NUL.
    return { unit, key: `${sandbox.name}\0${unit.step.name}`, ms: sum([unit.step]) };
  }
  return { unit, key: sandbox.name, ms: sum(unit.kind === 'every' ? unit.steps : sandbox.steps) };
}

/** The longest first; by name where nothing is known. The order of UTF-16 units is the same on every machine. */
function compare(a: Weighted, b: Weighted): number {
  if (a.ms !== b.ms) return b.ms - a.ms;
  return a.key < b.key ? -1 : Number(a.key > b.key);
}

/** The bin with the least to do; of those with as much, the one of fewer sandboxes; of those, the first. */
function lightest(bins: readonly Bin[]): Bin | undefined {
  const order = (a: Bin, b: Bin) => a.loadMs - b.loadMs || a.places.size - b.places.size;
  return bins.toSorted(order)[0];
}

function placeIn(bin: Bin, sandbox: SandboxPlan): Place {
  const found = bin.places.get(sandbox.name);
  if (found !== undefined) return found;
  const place: Place = { steps: new Set(), isWhole: false };
  bin.places.set(sandbox.name, place);
  return place;
}

/** The bins that a unit may go to: a sandbox that is split is in at most `shards` of them. */
function allowedBins(bins: readonly Bin[], { name, shards }: SandboxPlan): readonly Bin[] {
  const used = bins.filter(({ places }) => places.has(name));
  return used.length < shards ? bins : used;
}

function put({ unit, ms }: Weighted, bins: readonly Bin[]): void {
  const { sandbox } = unit;
  if (unit.kind === 'every') {
    const count = Math.min(sandbox.shards, bins.length);
    const used = new Set(bins.filter(({ places }) => places.has(sandbox.name)));
    while (used.size < count) {
      const next = lightest(bins.filter((bin) => !used.has(bin)));
      if (next === undefined) break;
      used.add(next);
    }
    for (const bin of used) {
      bin.loadMs += ms / used.size;
      for (const { name } of unit.steps) placeIn(bin, sandbox).steps.add(name);
    }
    return;
  }
  const bin = lightest(unit.kind === 'sandbox' ? bins : allowedBins(bins, sandbox));
  if (bin === undefined) return;
  bin.loadMs += ms;
  const place = placeIn(bin, sandbox);
  if (unit.kind === 'step') place.steps.add(unit.step.name);
  else place.isWhole = true;
}

/** Adds the steps that watch the others, and puts the steps in the order they run. */
function stepsOf(sandbox: SandboxPlan, { isWhole, steps }: Place): readonly string[] | null {
  if (isWhole) return null;
  return sandbox.steps
    .filter((step) => steps.has(step.name) || isCompanion(step))
    .map(({ name }) => name);
}

function listShards({ sandboxes }: Plan, bins: readonly Bin[]): Shard[] {
  const shards: { index: number; work: ShardWork[] }[] = bins.map((_, at) => ({
    index: at + 1,
    work: [],
  }));
  for (const sandbox of sandboxes) {
    const used = bins.filter(({ places }) => places.has(sandbox.name));
    for (const [at, bin] of used.entries()) {
      const place = bin.places.get(sandbox.name);
      if (place === undefined) continue;
      const part = place.isWhole ? WHOLE : { index: at + 1, count: used.length };
      shards[bins.indexOf(bin)]?.work.push({
        sandbox: sandbox.name,
        steps: stepsOf(sandbox, place),
        part,
      });
    }
  }
  return shards;
}

/**
 * Splits the work of a plan into shards, which together run each unit exactly once. The same plan, count and durations give the
 * same list on every machine. Pure.
 *
 * @param count  Number of shards, at least 1. Those for which nothing is left are empty.
 */
export function splitPlan(
  plan: Plan,
  count: number,
  durations: Durations = NO_DURATIONS,
): ShardList {
  const estimate = estimator(plan, durationLookup(durations));
  const bins: Bin[] = Array.from({ length: count }, () => ({ loadMs: 0, places: new Map() }));
  const { units, services } = unitsOf(plan);
  for (const weighted of units.map((unit) => weigh(unit, estimate)).toSorted(compare)) {
    put(weighted, bins);
  }
  const busy = bins.filter(({ places }) => places.size > 0);
  for (const sandbox of services) {
    // Beside other work: alone it would run for ever.
    const bin = lightest(busy);
    if (bin !== undefined) placeIn(bin, sandbox).isWhole = true;
  }
  const shards = listShards(plan, bins);
  const digest = createHash('sha256').update(JSON.stringify(shards)).digest('hex');
  return { shards, digest };
}
