import { createHash } from 'node:crypto';
import type { MountPlan, SandboxPlan, StepPlan } from '../../plan/plan.ts';

/** Increased when the meaning of a part, or the content of a checkpoint, changes: older ones are then not found. */
const CHAIN_VERSION = 2;

/** One file that a step's result depends on, by its content. Plain data. */
export interface InputFile {
  /** Relative to the project's directory, `/` between its parts; `../x` for a file outside. */
  readonly path: string;
  /** 64 hex digits over its kind, its execute bit and its content. */
  readonly digest: string;
}

/** Facts besides the plan on which a checkpoint depends. */
export interface ChainFacts {
  /** Content key of the image. */
  readonly image: string;
  /** Template key: everything else that must be equal where a machine is restored (QEMU, its arguments, the agent). */
  readonly machine: string;
  /** The ids of the project's volumes, by name. @default none */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Digests of the trees that are copied in, by guest path. @default none */
  readonly copies?: Readonly<Record<string, string>>;
}

/** One thing that a checkpoint depends on: its label and a digest of its value, never the value. */
export type Part = readonly [label: string, digest: string];

/** Everything that the machine after one step depends on, besides what the steps before it depend on. */
export interface ChainLink {
  /** Name of the step; not part of the key. */
  readonly name: string;
  readonly parts: readonly Part[];
  /** 64 hex digits over the parts and all links before it: the name of the checkpoint after this step. */
  readonly key: string;
}

/** The parts of a sandbox, and one link per step. */
export interface KeyChain {
  readonly base: readonly Part[];
  readonly links: readonly ChainLink[];
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

function part(label: string, value: unknown): Part {
  return [label, digest(value)];
}

function envParts(env: Readonly<Record<string, string>>): Part[] {
  const byName = Object.entries(env).toSorted(([a], [b]) => compareText(a, b));
  return byName.map(([name, value]) => part(`env ${name}`, value));
}

/** Compares by UTF-16 units: the same order on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function mountPart(mount: MountPlan, facts: ChainFacts): Part {
  const label = `volume ${mount.guestPath}`;
  switch (mount.kind) {
    case 'memory':
      return part(label, ['memory', mount.sizeBytes]);
    case 'host':
      return part(label, [
        ...['host', mount.hostPath, mount.isReadonly],
        ...(mount.overlay === undefined ? [] : ['overlay', mount.overlay.sizeBytes]),
        ...(mount.xattrs === undefined ? [] : ['xattrs']),
      ]);
    case 'copy':
      return part(label, ['copy', facts.copies?.[mount.guestPath] ?? null]);
    case 'disk':
      // A volume that was removed and made again is empty: what steps wrote to it is gone.
      return part(label, [
        'disk',
        mount.name,
        facts.volumes?.[mount.name] ?? null,
        mount.isReadonly,
      ]);
  }
}

function baseParts({ name, vm, network, secrets }: SandboxPlan, facts: ChainFacts): Part[] {
  return [
    part('image', facts.image),
    part('resources.cpus', vm.cpus),
    part('resources.memory', vm.memoryBytes),
    part('root', vm.root === 'disk' ? ['disk', vm.diskBytes] : vm.root),
    part('user', vm.user),
    part('workspace', vm.workspace),
    // The guest's host name: programs store it in their files.
    part('sandbox name', name),
    ...envParts(vm.env),
    ...(vm.hide.length === 0 ? [] : [part('hide', vm.hide)]),
    ...vm.mounts.map((mount) => mountPart(mount, facts)),
    // Everything that the steps could reach. Only the source and the hosts of a secret are known here.
    part('network', network),
    ...secrets.map((secret) => part(`secret ${secret.name}`, secret)),
    // Last: it changes with the image and the resources too, which explain a miss better.
    part('QEMU or gondolin', facts.machine),
  ];
}

function stepParts(step: StepPlan, before: readonly StepPlan[], inputs: readonly InputFile[]) {
  const needs = step.needs.map((need) => before.findIndex(({ name }) => name === need));
  return [
    part('command', step.command),
    part('cwd', step.cwd),
    ...envParts(step.env),
    // Outputs of earlier steps, which follow from the links before; those of other sandboxes are in the command and env.
    part('outputs', [step.runOutputs, step.envOutputs]),
    part('when', step.when),
    part(
      'needs',
      needs.toSorted((a, b) => a - b),
    ),
    part(
      'success_exit_codes',
      step.successExitCodes.toSorted((a, b) => a - b),
    ),
    part('continue_on_error', step.continueOnError),
    ...inputs.map(({ path, digest: content }) => part(`input ${path}`, content)),
  ];
}

/**
 * Returns the keys of a sandbox's checkpoints. Pure. `timeout`, `retries` and names of steps do not count: the result of a
 * step that succeeded does not depend on them.
 *
 * @param inputs  Input files of the first steps, one list per step; further steps get no link.
 */
export function buildKeyChain(
  sandbox: SandboxPlan,
  facts: ChainFacts,
  inputs: readonly (readonly InputFile[])[],
): KeyChain {
  const base = baseParts(sandbox, facts);
  let previous = digest([CHAIN_VERSION, base]);
  const links = inputs.flatMap((files, index) => {
    const step = sandbox.steps[index];
    if (step === undefined) return [];
    const parts = stepParts(step, sandbox.steps.slice(0, index), files);
    previous = digest([previous, parts]);
    return [{ name: step.name, parts, key: previous }];
  });
  return { base, links };
}
