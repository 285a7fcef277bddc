import { adHocPlan } from '../project/ad-hoc-plan.ts';
import { executePlan, type StartFlags } from './execute-plan.ts';
import type { CliIo } from './io.ts';
import { planFromSnapshotName } from './snapshot-plan.ts';
import { resolveProgress } from './ui/progress/progress-mode.ts';
import { planFromFlags, type VmFlags } from './vm-flags.ts';

/** Options of `bash`, and of `exec` without a running VM. */
export interface NewVmFlags extends VmFlags, StartFlags {
  /** Name of a snapshot that the VM starts from. */
  readonly resume?: string;
}

/** The streams of this process that the command uses. */
export interface OwnStreams {
  readonly hasInput: boolean;
  readonly hasTerminal: boolean;
  /** The VM stays after the command until it is stopped. @default false */
  readonly isHeld?: boolean;
}

/** Runs one command in a new VM, which is closed with it. Returns the command's exit code. */
export async function runInNewVm(
  argv: readonly string[],
  streams: OwnStreams,
  flags: NewVmFlags,
  io: CliIo,
): Promise<number> {
  const mode = resolveProgress(flags.progress, io);
  const described = adHocPlan(planFromFlags(flags, io), argv);
  const start =
    flags.resume === undefined
      ? { plan: described, from: null }
      : await planFromSnapshotName(described, flags.resume, null, io);
  const isRaw = mode !== 'json';
  const label = flags.label === undefined ? {} : { label: flags.label };
  return executePlan({ ...start, ...streams, ...label, mode, isRaw }, flags, io);
}
