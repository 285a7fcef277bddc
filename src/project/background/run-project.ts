import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Plan } from '../../plan/plan.ts';
import { judgeRun } from '../exit-code.ts';
import type { RunEvent } from '../run-event.ts';
import { defaultParallel, type RunOptions, runStarted } from '../run-plan.ts';
import type { RunResult } from '../run-result.ts';
import { aborted } from '../service/pause.ts';
import { ProjectHost, type ProjectHostOptions } from './project-host.ts';

/** The part of `RunOptions` that `up` has. */
export type UpOptions = Pick<
  RunOptions,
  'createVm' | 'onEvent' | 'onNetworkEvent' | 'signal' | 'maxParallel' | 'memoryBytes'
>;

/** A project that is run in the foreground. */
export interface ForegroundProject
  extends Pick<ProjectHostOptions, 'directory' | 'file' | 'isNamed' | 'load'> {
  /** Names of all sandboxes of the project file. */
  readonly names: readonly string[];
  /** With its end all end, and its exit code is that of the project; null for none. */
  readonly exitCodeFrom: string | null;
  /** Called when the sandboxes are starting. It may detach the project, which then stays until `down`. */
  readonly onRunning?: (host: ProjectHost) => void;
}

/** Resolves when the sandbox that ends the project, and all that end by themselves, have ended. */
async function workDone(host: ProjectHost, plan: Plan, until: string | null): Promise<void> {
  if (until === null) return new Promise(() => undefined);
  const work = plan.sandboxes.filter(({ name, service }) => service === null || name === until);
  await Promise.all(work.map(({ name }) => host.project.whenEnded(name)));
}

/** Resolves when all sandboxes have ended. Those of a detached project can be started again, so that it stays. */
async function allEnded(host: ProjectHost): Promise<void> {
  await host.project.whenAllEnded();
  if (host.isDetached) await new Promise(() => undefined);
}

/**
 * Runs the sandboxes of a plan until they have all ended, or the signal aborts: then they stop in reverse order. Meanwhile other commands
 * of this user reach them. Otherwise as `runPlan`.
 * @throws {GondolinError} PROJECT_RUNNING
 */
export async function runProject(
  plan: Plan,
  options: UpOptions,
  { names, exitCodeFrom, onRunning, ...place }: ForegroundProject,
): Promise<RunResult> {
  const startedAt = performance.now();
  const {
    createVm,
    onEvent,
    onNetworkEvent,
    memoryBytes,
    maxParallel = defaultParallel(),
  } = options;
  const failing = new AbortController();
  const listen = async (event: RunEvent) => {
    if (failing.signal.aborted) return;
    try {
      await onEvent?.(event);
    } catch (error) {
      failing.abort(error);
    }
  };
  const down = new AbortController();
  const signals = [failing.signal, down.signal, ...(options.signal ? [options.signal] : [])];
  const cancel = AbortSignal.any(signals);
  const host = await ProjectHost.open({
    ...{ ...place, maxParallel, name: plan.name, isBackground: false, onEvent: listen },
    ...(onNetworkEvent === undefined ? {} : { onNetworkEvent }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  });
  void host.ended.then(() =>
    down.abort(new GondolinError('CLI_TERMINATED', 'stopped by gondolin down')),
  );
  const { project } = host;
  try {
    await host.emit(runStarted(plan, maxParallel));
    await project.apply({ sandboxes: plan.sandboxes, names, createVm });
    onRunning?.(host);
    await Promise.race([aborted(cancel), allEnded(host), workDone(host, plan, exitCodeFrom)]);
    if (cancel.aborted) await project.stopAll(cancel.reason as GondolinError);
    else await project.stop(project.states.map(({ name }) => name));
    const judged = judgeRun(project.results, cancel, exitCodeFrom);
    const durationMs = Math.round(performance.now() - startedAt);
    const result: RunResult = { ...judged, durationMs, sandboxes: project.results };
    await host.emit({ type: 'run-finished', ...result });
    if (failing.signal.aborted) throw failing.signal.reason;
    return result;
  } finally {
    await host.close();
  }
}
