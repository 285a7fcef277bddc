import { GondolinError } from '../errors/gondolin-error.ts';
import { type Directories, resolveDirectories } from '../host/directories.ts';
import type { Plan } from '../plan/plan.ts';
import type { RunnerVm } from '../project/runner-vm.ts';
import { createSnapshotFacts } from '../project/snapshot/snapshot-facts.ts';
import type { ControlRequest, SessionFacts, SnapshotSaved } from '../session/control-request.ts';
import type { ControlServer } from '../session/control-server.ts';
import type { CliIo } from './io.ts';

/** The control socket of a run, which other commands use while its VMs run. */
export interface RunSession {
  /** Makes a VM that has just started known to other commands, until it ends. */
  addVm(sandbox: string, vm: RunnerVm): void;
  close(): Promise<void>;
}

/** Serves the requests of other commands. */
class RunControl {
  readonly #plan: Plan;
  readonly #directories: Directories;
  readonly #onWarning: (message: string) => void;
  readonly #startedAtMs = Date.now();
  readonly #running = new Map<string, RunnerVm>();

  constructor(plan: Plan, directories: Directories, onWarning: (message: string) => void) {
    this.#plan = plan;
    this.#directories = directories;
    this.#onWarning = onWarning;
  }

  addVm(sandbox: string, vm: RunnerVm): void {
    this.#running.set(sandbox, vm);
    void vm.ended.then(() => this.#running.delete(sandbox));
  }

  async handle(request: ControlRequest): Promise<SessionFacts | SnapshotSaved> {
    return request.method === 'describe' ? this.#describe() : this.#saveSnapshot(request);
  }

  #describe(): SessionFacts {
    const { name: project, directory } = this.#plan;
    const sandboxes = [...this.#running.keys()];
    return { pid: process.pid, project, directory, startedAtMs: this.#startedAtMs, sandboxes };
  }

  async #saveSnapshot({ name, sandbox, isReplacing }: ControlRequest & { method: 'snapshot' }) {
    const plan = this.#plan.sandboxes.find((one) => one.name === sandbox);
    const vm = this.#running.get(sandbox);
    if (plan === undefined || vm === undefined) {
      throw new GondolinError('SESSION_NOT_FOUND', `sandbox ${sandbox} is not running`);
    }
    const { SnapshotStore } = await import('../project/snapshot/snapshot-store.ts');
    const facts = createSnapshotFacts(name, this.#plan.name, plan, Date.now());
    const save = (directory: string) => vm.save(directory);
    const { keepCacheSmall } = await import('../image/trim-cache.ts');
    const { cache: cacheDirectory, snapshots: snapshotsDirectory } = this.#directories;
    const diskBytes = await new SnapshotStore(snapshotsDirectory).add(facts, save, isReplacing);
    await keepCacheSmall({ cacheDirectory, snapshotsDirectory }, this.#onWarning);
    return { diskBytes };
  }
}

/** Opens the control socket of a run. A run that cannot listen continues without one, and warns. */
export function openRunSession(
  plan: Plan,
  io: CliIo,
  onWarning: (message: string) => void,
): RunSession {
  const directories = resolveDirectories(io.env);
  const control = new RunControl(plan, directories, onWarning);
  // While the first VM starts, which takes longer.
  const opening = listen(directories.sessions, control).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    onWarning(`other commands cannot reach this run: ${reason}`);
    return null;
  });
  return {
    addVm: (sandbox, vm) => control.addVm(sandbox, vm),
    close: async () => {
      await (await opening)?.close();
    },
  };
}

async function listen(sessions: string, control: RunControl): Promise<ControlServer> {
  const { openControlServer } = await import('../session/control-server.ts');
  return openControlServer(sessions, (request) => control.handle(request));
}
