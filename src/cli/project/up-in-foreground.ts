import type { Plan } from '../../plan/plan.ts';
import type { ProjectHost } from '../../project/background/project-host.ts';
import type { ProjectSource } from '../../project/background/project-request.ts';
import type { RunEvent } from '../../project/run-event.ts';
import { type Execution, executePlan, type StartFlags } from '../execute-plan.ts';
import type { CliIo } from '../io.ts';
import type { NetworkFlags } from '../network-flags.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { targetLoader } from './load-target.ts';

export interface UpFlags extends StartFlags, NetworkFlags {
  readonly exitCodeFrom?: string;
  readonly detach?: boolean;
  readonly wait?: boolean;
  readonly waitTimeout?: string;
  readonly force?: boolean;
  readonly watch?: boolean;
}

/** The project that `up` is to start, read before anything is started. */
export interface WantedProject {
  readonly source: ProjectSource;
  readonly plan: Plan;
  /** Names of all sandboxes of the project file. */
  readonly names: readonly string[];
  /** Its directory on disk: see `projectDirectory`. */
  readonly directory: string;
}

/** The wishes of a terminal that shows a project. */
export interface ForegroundHooks {
  /** True while the output of sandboxes is not to be shown. */
  readonly isOutputHidden?: () => boolean;
  /** Called when the sandboxes are starting. */
  readonly onRunning?: (host: ProjectHost) => void;
}

/** Runs a project in this process until Ctrl-C, or until all have ended. Returns the exit code. */
export async function upInForeground(
  { source, plan, names, directory }: WantedProject,
  options: UpFlags,
  io: CliIo,
  { isOutputHidden = () => false, onRunning = () => undefined }: ForegroundHooks = {},
): Promise<number> {
  const { exitCodeFrom = null } = options;
  const resolved = resolveProgress(options.progress, io);
  // Users of `up` follow what services print, which a live list would hide.
  const mode = resolved === 'tty' ? 'plain' : resolved;
  const { runProject } = await import('../../project/background/run-project.ts');
  const { RunningSandboxes } = await import('../../project/running-sandboxes.ts');
  const running = new RunningSandboxes();
  const own = {
    ...{ directory, file: source.file, isNamed: source.projectName !== null },
    ...{ load: targetLoader(io, running), names, exitCodeFrom, onRunning },
  };
  const run: Execution['run'] = (it, { onEvent, ...rest }) => {
    const isHidden = ({ type }: RunEvent) => isOutputHidden() && type.endsWith('-output');
    const show = (event: RunEvent) => (isHidden(event) ? undefined : onEvent?.(event));
    return runProject(it, { ...rest, onEvent: show }, own);
  };
  const how = { mode, isRaw: false, hasInput: false, hasTerminal: false };
  return executePlan({ plan, from: null, ...how, running, run }, options, io);
}
