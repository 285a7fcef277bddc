import { GondolinError } from '../errors/gondolin-error.ts';
import { readProcessUsage } from '../host/process-usage.ts';
import { shellOf } from '../vm/guest-command.ts';
import type { VM } from '../vm/vm.ts';
import type { SavedStep } from './checkpoint/checkpoint-facts.ts';
import type {
  SandboxCheckpoints,
  SaveOutcome,
  StepsDone,
} from './checkpoint/sandbox-checkpoints.ts';
import type { RunnerVm } from './runner-vm.ts';
import { directoryOf, type VmInputs } from './sandbox-vm-options.ts';

/** The guest's clock and the times of file systems differ a little from this machine's clock. */
const CLOCK_TOLERANCE_MS = 2_000;

async function readGuestFile({ fs }: VM, path: string, maxBytes: number, signal: AbortSignal) {
  try {
    return await fs.readFile(path, { maxBytes, signal });
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Resolves when the VM has ended, or its run is cancelled or over its time. */
async function endOf(vm: VM, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener('abort', stop, { once: true });
  await Promise.race([vm.ended, stopped]);
  signal.removeEventListener('abort', stop);
}

/** Wraps a VM for the runner; closing it releases its image. */
export function toRunnerVm(
  inputs: VmInputs,
  vm: VM,
  checkpoints: SandboxCheckpoints | null,
  cachedSteps: readonly SavedStep[],
): RunnerVm {
  const { sandbox, image, options, hooks } = inputs;
  const directory = directoryOf(inputs);
  const reruns = options.reruns?.of(sandbox.name);
  const save = (directory: string) => vm.save(directory);
  const saveCheckpoint = async (index: number, done: StepsDone): Promise<SaveOutcome> => {
    const isKept = sandbox.steps[index]?.checkpoint === true;
    const isReplacing = options.checkpoints === 'rewrite';
    const outcome: SaveOutcome =
      checkpoints === null || !isKept
        ? { kind: 'off' }
        : await checkpoints.save(index, done, save, isReplacing);
    // The session has one of its own where the checkpoint could not be used: its inputs do not name every file that it reads.
    await reruns?.save(index, done, save);
    return outcome;
  };
  // What a saved machine contains is older than this VM, and still of its steps.
  const isNew = cachedSteps.length === 0 && options.from?.sandbox !== sandbox.name;
  const sinceMs = isNew ? Date.now() - CLOCK_TOLERANCE_MS : 0;
  let saving: Promise<unknown> = Promise.resolve();
  let hasStarted = false;
  return {
    id: vm.id,
    kernelRelease: vm.kernelRelease,
    bootMs: vm.bootMs,
    ended: vm.ended,
    cachedSteps,
    ports: vm.exposedPorts.map(({ host, port, guestPort }) => ({ host, port, guestPort })),
    collectArtifacts: async (cancel) => {
      const { artifacts: patterns, name } = sandbox;
      if (patterns.length === 0 || options.artifacts === undefined) return null;
      const wanted = { sandbox: name, patterns };
      return options.artifacts.collect(wanted, vm.fs, cancel, hooks.onWarning);
    },
    collectTests: async (cancel) => {
      const { junit: patterns } = sandbox.reports;
      if (patterns.length === 0) return null;
      const { readTestReports } = await import('./test-reports/read-test-reports.ts');
      return readTestReports({ patterns, sinceMs }, vm.fs, cancel, hooks.onWarning);
    },
    usage: () => readProcessUsage(vm.qemuPid),
    writtenFiles: () => inputs.written.result,
    shell: shellOf(image.container),
    container: image.container,
    readFile: (path, maxBytes, signal) => readGuestFile(vm, path, maxBytes, signal),
    exec: (argv, { isAside = false, cwd, ...rest }) => {
      const execOptions = { ...rest, cwd: cwd === sandbox.vm.workspace ? directory : cwd };
      if (isAside) return vm.exec(argv, execOptions);
      const command = vm.execMain(argv, execOptions);
      command.pid.then(
        () => {
          hasStarted = true;
        },
        () => undefined,
      );
      return command;
    },
    save,
    savesAfter: (index) => reruns?.savesAfter(index) ?? sandbox.steps[index]?.checkpoint === true,
    saveCheckpoint: (index, results, outputs) => {
      const outcome = saveCheckpoint(index, { results, outputs });
      saving = outcome;
      return outcome;
    },
    close: async () => {
      if (options.isHeld === true && hasStarted) await endOf(vm, hooks.signal);
      try {
        await vm.close();
        await inputs.keeper?.settled();
        // An abandoned save cleans up once its VM has ended.
        await saving.catch(() => undefined);
      } finally {
        await image.release();
      }
      await reruns?.prepare();
    },
  };
}
