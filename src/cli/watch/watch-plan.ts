import { GondolinError } from '../../errors/gondolin-error.ts';
import { requireTool } from '../../host/tools.ts';
import type { Plan } from '../../plan/plan.ts';
import { RunOutputs, referencesOf } from '../../project/outputs/run-outputs.ts';
import type { RunChange } from '../../project/run-event.ts';
import { defaultParallel, runPlan } from '../../project/run-plan.ts';
import type { RunResult } from '../../project/run-result.ts';
import type { CreateSandboxVm } from '../../project/runner-vm.ts';
import { RunningSandboxes } from '../../project/running-sandboxes.ts';
import { firstLineOf } from '../../util/first-line-of.ts';
import { FileChanges } from '../../watch/files/file-changes.ts';
import { GuestWrites } from '../../watch/files/guest-writes.ts';
import { watchedRoots } from '../../watch/rules/watched-roots.ts';
import { widenings } from '../../watch/rules/widening.ts';
import { WatchSession } from '../../watch/session/watch-session.ts';
import { type StartFlags, sandboxVmOptions } from '../execute-plan.ts';
import type { CliIo } from '../io.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { usageError } from '../usage-error.ts';
import { confirmWidening } from './confirm-widening.ts';
import { WatchOutput } from './watch-output.ts';

/** Most time that the first reading of files may keep the first run waiting. */
const READ_LIMIT_MS = 2_000;

export interface WatchFlags extends StartFlags {
  readonly shard?: unknown;
}

/** Reads the project file, again after each of its changes. */
export type LoadPlan = () => Promise<Plan>;

function checkFlags({ cold, junit, report, events, har, ssh, ask, shard }: WatchFlags): void {
  const given = Object.entries({ cold, junit, report, events, har, ssh, ask, shard }).find(
    ([, value]) => value !== undefined && value !== false,
  );
  if (given === undefined) return;
  throw usageError(
    `--${given[0]} does not go with watching`,
    'Leave it out, or run the sandbox once: gondolin run.',
  );
}

/** The parts of one watch session. */
class PlanWatch {
  readonly #io: CliIo;
  readonly #load: LoadPlan;
  readonly #output: WatchOutput;
  readonly #session: WatchSession;
  readonly #writes: GuestWrites;
  #changes: FileChanges | null = null;
  #roots = '';
  /** A reload that allows more was refused without asking. */
  isRefused = false;
  readonly #failing = new AbortController();
  #reloading: Promise<void> = Promise.resolve();

  constructor(
    io: CliIo,
    load: LoadPlan,
    output: WatchOutput,
    session: WatchSession,
    writes: GuestWrites,
  ) {
    this.#io = io;
    this.#load = load;
    this.#output = output;
    this.#session = session;
    this.#writes = writes;
  }

  /** Aborts with the error after which nothing can be watched any more. */
  get failed(): AbortSignal {
    return this.#failing.signal;
  }

  /** Ends the session with an error. */
  fail(error: unknown): void {
    this.#failing.abort(error);
  }

  /** Watches what the present plan wants; changes since the last call are not lost. */
  async watch(): Promise<void> {
    const { plan } = this.#session;
    this.#writes.setSandboxes(plan.sandboxes);
    const roots = await watchedRoots(plan);
    const debounceMs = Math.max(...plan.sandboxes.map(({ watch }) => watch.debounceMs));
    const key = JSON.stringify([roots, debounceMs]);
    if (key === this.#roots) return;
    const before = this.#changes;
    const changes = new FileChanges({
      ...{ roots, debounceMs },
      isOwn: (path) => this.#writes.isOwn(path),
      onBatch: (paths) => this.#onBatch(paths),
      onNotice: (message) => this.#output.notice(message),
      onError: (error) => this.fail(error),
    });
    this.#changes = changes;
    this.#roots = key;
    await changes.ready;
    await Promise.race([
      changes.isRead,
      new Promise((resolve) => setTimeout(resolve, READ_LIMIT_MS).unref()),
    ]);
    await before?.close();
  }

  #onBatch(paths: readonly string[]): void {
    if (!this.#session.change(paths)) return;
    this.#reloading = this.#reloading
      .then(() => this.#reload())
      .catch((error: unknown) => this.fail(error));
  }

  async #reload(): Promise<void> {
    if (this.#io.signal.aborted) return;
    let plan: Plan;
    try {
      plan = await this.#load();
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
      this.#output.error(error);
      this.#output.notice('the project file from before stays in use');
      return;
    }
    const changes = widenings(this.#session.plan, plan);
    if (changes.length > 0 && !(await confirmWidening(changes, this.#io))) {
      this.isRefused ||= this.#io.stdin.isTTY !== true;
      this.#output.notice('the project file from before stays in use');
      return;
    }
    this.#output.notice('the project file was read again');
    await this.#session.replace(plan);
    await this.watch();
  }

  async close(): Promise<void> {
    await this.#changes?.close();
    await this.#reloading;
  }
}

async function untilAborted(signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  if (any.aborted) return;
  await new Promise<void>((resolve) => {
    any.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Runs the sandboxes of a plan, and runs them again whenever files change, until Ctrl-C.
 * @returns The exit code: that of the signal, or 3 when a reload that allows more could not be asked about.
 * @throws {GondolinError} CLI_USAGE; WATCH_FAILED when files cannot be watched any more.
 */
export async function watchPlan(load: LoadPlan, flags: WatchFlags, io: CliIo): Promise<number> {
  checkFlags(flags);
  requireTool('qemu-system-x86_64', io.env);
  const resolved = resolveProgress(flags.progress, io);
  const mode = resolved === 'tty' ? 'plain' : resolved;
  const plan = await load();
  const maxParallel = defaultParallel();
  const output = await WatchOutput.open(io, mode, plan, maxParallel);
  const writes = new GuestWrites();
  const execution = { plan, from: null, mode, isRaw: false, hasInput: false, hasTerminal: false };
  const { checkpoints, ...base } = sandboxVmOptions(io, flags, execution, []);
  const { Reruns } = await import('../../project/rerun/reruns.ts');
  const reruns = await Reruns.open(base.cacheDirectory, (sandbox) => ({
    onFault: (error) => {
      const reason = firstLineOf(error);
      const message = `no VM is prepared for the next run: ${reason}`;
      output.emit({ type: 'warning', sandbox, message });
    },
    onReady: (stepCount) => output.emit({ type: 'rerun-prepared', sandbox, stepCount }),
  }));
  const { createSandboxVms } = await import('../../project/sandbox-vm.ts');
  const running = new RunningSandboxes();
  const vmOptions = {
    ...base,
    // Without a cache none is restored; the states of the session are all that it uses.
    checkpoints: checkpoints === 'use' ? ('use' as const) : ('off' as const),
    ...{ reruns, running },
    onFileOperation: writes.note.bind(writes),
  };
  const isUsed = plan.sandboxes.some((sandbox) => referencesOf(sandbox).length > 0);
  const outputs = new RunOutputs(isUsed ? 'all' : []);
  let ofPlan: { readonly plan: Plan; readonly createVm: CreateSandboxVm } | null = null;
  const createVm: CreateSandboxVm = (sandbox, hooks) => {
    // The whole plan decides what is in reach.
    if (ofPlan?.plan !== session.plan) {
      ofPlan = { plan: session.plan, createVm: createSandboxVms(session.plan, vmOptions) };
    }
    return ofPlan.createVm(sandbox, hooks);
  };
  const run = async (
    part: Plan,
    signal: AbortSignal,
    onEvent: (event: RunChange) => void,
  ): Promise<RunResult> => {
    const renderer = await output.openRun();
    try {
      return await runPlan(part, {
        ...{ createVm, signal, maxParallel: 1, keepsServices: true, outputs },
        onEvent: (event) => {
          onEvent(event);
          return renderer.onEvent(event);
        },
      });
    } finally {
      await renderer.end();
    }
  };
  const session: WatchSession = new WatchSession({
    ...{ plan, reruns, run, maxParallel },
    sync: (sandbox, paths) => running.sync(sandbox, paths),
    emit: (event) => output.emit(event),
    onResult: (result) => void output.result(result),
    onFailure: (error) => watch.fail(error),
  });
  const watch: PlanWatch = new PlanWatch(io, load, output, session, writes);
  try {
    await watch.watch();
    await session.start();
    await untilAborted([io.signal, watch.failed]);
  } finally {
    await session.stop();
    await watch.close();
    await reruns.close();
    await output.end();
  }
  if (watch.failed.aborted) throw watch.failed.reason;
  if (watch.isRefused) return 3;
  return GondolinError.is(io.signal.reason) ? io.signal.reason.exit : 130;
}
