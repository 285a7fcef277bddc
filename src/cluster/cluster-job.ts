import { isAbsolute, join, relative } from 'node:path';
import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { planForShard } from '../plan/shard/plan-for-shard.ts';
import type { ShardList } from '../plan/shard/split-plan.ts';

const MIB = 2 ** 20;
/** Memory of gondolin itself, and of QEMU beside the guest's, in bytes. */
const RUNNER_BYTES = 384 * MIB;
const MACHINE_BYTES = 128 * MIB;

/** A run as several machines do it: plain data, which each engine gets in its own language. */
export interface ClusterJob {
  /** The project's name. */
  readonly name: string;
  readonly shardCount: number;
  /** Directory of the project on this machine, absolute. */
  readonly directory: string;
  /** CPUs and bytes that the largest shard needs. */
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Variables of the host whose values are secrets, sorted. */
  readonly secretVariables: readonly string[];
  /** Files of the host that contain secrets, absolute, sorted. */
  readonly secretFiles: readonly string[];
  /** Arguments of `gondolin run` that choose the project and what is run of it, without those about shards. */
  readonly runArguments: readonly string[];
}

/** The words by which the user chose the project and what is run of it. */
export interface ChosenRun {
  /** Absolute path of the project file; null for the one that gondolin finds by itself. */
  readonly file: string | null;
  readonly projectName: string | null;
  readonly args: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  /** Sandbox and steps. */
  readonly operands: readonly string[];
  /** Absolute path of a record with durations; null for none. */
  readonly durations: string | null;
}

/** All sandboxes of a shard may run at once. */
function needsOf(sandboxes: readonly SandboxPlan[]): { cpus: number; memoryBytes: number } {
  const services = sandboxes.filter(({ service }) => service !== null);
  const work = sandboxes.filter(({ service }) => service === null);
  const cpus =
    services.reduce((sum, { vm }) => sum + vm.cpus, 0) +
    Math.max(0, ...work.map(({ vm }) => vm.cpus));
  const guests = sandboxes.reduce((sum, { vm }) => sum + vm.memoryBytes + MACHINE_BYTES, 0);
  return { cpus, memoryBytes: RUNNER_BYTES + guests };
}

function secretSources({ sandboxes }: Plan) {
  const sources = sandboxes.flatMap(({ secrets, network }) => [
    ...secrets.map(({ from }) => from),
    ...(network.upstreamProxy?.credentials == null ? [] : [network.upstreamProxy.credentials]),
  ]);
  const variables = sources.flatMap((from) => (from.kind === 'env' ? [from.variable] : []));
  const files = sources.flatMap((from) => (from.kind === 'file' ? [from.path] : []));
  return {
    secretVariables: [...new Set(variables)].toSorted(),
    secretFiles: [...new Set(files)].toSorted(),
  };
}

/** Paths are relative to the project's directory, in which each shard runs. */
function runArguments(directory: string, chosen: ChosenRun): string[] {
  const flag = (name: string, value: string | null) => (value === null ? [] : [name, value]);
  const path = (absolute: string | null) =>
    absolute === null ? null : relative(directory, absolute);
  return [
    ...flag('-f', path(chosen.file)),
    ...flag('-p', chosen.projectName),
    ...Object.entries(chosen.args).flatMap(([name, value]) => ['--arg', `${name}=${value}`]),
    ...chosen.profiles.flatMap((name) => ['--profile', name]),
    ...flag('--durations', path(chosen.durations)),
    ...chosen.operands,
  ];
}

/**
 * Describes a split plan as a job of a cluster. Pure.
 * @param plan  As the user chose it, before it is split.
 */
export function clusterJob(plan: Plan, { shards }: ShardList, chosen: ChosenRun): ClusterJob {
  const needs = shards.map((shard) => needsOf(planForShard(plan, shard).sandboxes));
  return {
    name: plan.name,
    shardCount: shards.length,
    directory: plan.directory,
    cpus: Math.max(1, ...needs.map(({ cpus }) => cpus)),
    memoryBytes: Math.max(RUNNER_BYTES, ...needs.map(({ memoryBytes }) => memoryBytes)),
    ...secretSources(plan),
    runArguments: runArguments(plan.directory, chosen),
  };
}

/** Bytes as whole MiB, rounded up. */
export function toMebibytes(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

/** Returns where a file of the project is in another directory of it; a file elsewhere stays. */
export function movedPath(path: string, { directory }: ClusterJob, to: string): string {
  const inside = relative(directory, path);
  return inside.startsWith('..') || isAbsolute(inside) ? path : join(to, inside);
}
