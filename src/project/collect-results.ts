import type { SandboxPlan } from '../plan/plan.ts';
import { toErrorData } from './error-data.ts';
import type { RunnerVm } from './runner-vm.ts';
import type { SandboxContext, SandboxProgress } from './sandbox-progress.ts';

/** Copies the artifacts out. */
async function collectArtifacts(
  vm: RunnerVm,
  { name: sandbox }: SandboxPlan,
  progress: SandboxProgress,
  { cancel, emit }: SandboxContext,
): Promise<void> {
  try {
    progress.artifacts = await vm.collectArtifacts(cancel);
  } catch (error) {
    if (!cancel.aborted) progress.error ??= toErrorData(error);
  }
  if (progress.artifacts !== null) {
    await emit({ type: 'artifacts-copied', sandbox, ...progress.artifacts });
  }
}

/** Reads what the sandbox's tests reported. A guest that does not give it loses its reports, not its result. */
async function collectTests(
  vm: RunnerVm,
  { name: sandbox }: SandboxPlan,
  progress: SandboxProgress,
  { cancel, emit }: SandboxContext,
): Promise<void> {
  try {
    progress.tests = await vm.collectTests(cancel);
  } catch (error) {
    if (cancel.aborted) return;
    const { message } = toErrorData(error);
    await emit({ type: 'warning', sandbox, message: `reports: ${message}` });
  }
  if (progress.tests === null) return;
  const { files, counts } = progress.tests;
  await emit({ type: 'tests-read', sandbox, files, counts });
}

/** Takes what the sandbox leaves from its guest, whatever the steps did. A cancelled run waits for nothing. */
export async function collectResults(
  vm: RunnerVm,
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  context: SandboxContext,
): Promise<void> {
  if (!context.cancel.aborted) await collectTests(vm, sandbox, progress, context);
  if (!context.cancel.aborted) await collectArtifacts(vm, sandbox, progress, context);
}
