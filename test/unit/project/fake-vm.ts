import { PassThrough } from 'node:stream';
import { DEFAULT_NETWORK, DEFAULT_STEP, DEFAULT_WATCH } from '../../../src/config/defaults.ts';
import type { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { ProcessUsage } from '../../../src/host/process-usage.ts';
import type { Plan, SandboxPlan, StepPlan } from '../../../src/plan/plan.ts';
import type { ArtifactsResult } from '../../../src/project/artifacts.ts';
import type { SavedStep } from '../../../src/project/checkpoint/checkpoint-facts.ts';
import type { SaveOutcome } from '../../../src/project/checkpoint/sandbox-checkpoints.ts';
import type { RunChange, RunEvent } from '../../../src/project/run-event.ts';
import type { StepResult } from '../../../src/project/run-result.ts';
import type {
  CreateSandboxVm,
  RunnerProcess,
  RunnerResult,
  RunnerVm,
  SandboxVmHooks,
} from '../../../src/project/runner-vm.ts';
import type { TestResults } from '../../../src/project/test-reports/test-results.ts';

/** A command in the fake guest: write its output, then call `exit` or `fail`. */
export class FakeProcess implements RunnerProcess {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly kills: string[] = [];
  readonly argv: readonly string[];
  readonly options: Parameters<RunnerVm['exec']>[1];
  /** The fake guest's reaction to a kill. */
  onKill: () => Promise<void> = async () => this.exit(137, 'SIGKILL');
  #exit: (value: RunnerResult) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  readonly #exited = new Promise<RunnerResult>((resolve, reject) => {
    this.#exit = resolve;
    this.#fail = reject;
  });

  constructor(argv: readonly string[], options: Parameters<RunnerVm['exec']>[1]) {
    this.argv = argv;
    this.options = options;
    this.#exited.catch(() => undefined);
  }

  exit(exitCode: number, signal: string | null = null, isOutOfMemory = false): void {
    this.stdout.end();
    this.stderr.end();
    this.#exit({ exitCode, signal, isOutOfMemory });
  }

  fail(error: Error): void {
    this.stdout.destroy(error);
    this.stderr.destroy(error);
    this.#fail(error);
  }

  async resize(): Promise<void> {}

  async kill(signal: string, scope: string): Promise<void> {
    this.kills.push(`${signal} ${scope}`);
    await this.onKill();
  }

  // biome-ignore lint/suspicious/noThenProperty: the shape of ExecProcess.
  then<A, B>(
    onFulfilled?: ((value: RunnerResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#exited.then(onFulfilled, onRejected);
  }
}

export class FakeVm implements RunnerVm {
  readonly id = '0123456789ab';
  readonly kernelRelease = '6.1.0-fake';
  readonly bootMs = 1500;
  readonly started: FakeProcess[] = [];
  isClosed = false;
  closeError: Error | undefined;
  cachedSteps: readonly SavedStep[] = [];
  ports: RunnerVm['ports'] = [];
  /** The calls of `saveCheckpoint`: the step's index and the statuses up to it. */
  readonly saves: string[] = [];
  onSave: () => Promise<SaveOutcome> = async () => ({ kind: 'saved', diskBytes: 4096 });
  end: (error?: GondolinError) => void = () => undefined;
  readonly ended = new Promise<GondolinError | undefined>((resolve) => {
    this.end = resolve;
  });
  readonly #guest: (command: FakeProcess) => void;

  constructor(guest: (command: FakeProcess) => void) {
    this.#guest = guest;
  }

  exec(argv: string[], options: Parameters<RunnerVm['exec']>[1]): RunnerProcess {
    const command = new FakeProcess(argv, options);
    this.started.push(command);
    this.#guest(command);
    return command;
  }

  async save(): Promise<void> {
    this.saves.push('by name');
  }

  artifacts: () => Promise<ArtifactsResult | null> = async () => null;

  collectArtifacts(): Promise<ArtifactsResult | null> {
    return this.artifacts();
  }

  tests: () => Promise<TestResults | null> = async () => null;

  collectTests(): Promise<TestResults | null> {
    return this.tests();
  }

  usage = (): ProcessUsage | null => null;
  readonly writtenFiles = () => ({ files: [], omitted: 0 });

  /** The files of the fake guest. */
  readonly files = new Map<string, string | Error>();

  async readFile(path: string): Promise<Uint8Array | null> {
    const file = this.files.get(path);
    if (file instanceof Error) throw file;
    return file === undefined ? null : Buffer.from(file);
  }

  saveCheckpoint(index: number, results: readonly StepResult[]): Promise<SaveOutcome> {
    this.saves.push(`${index} ${results.map(({ status }) => status).join(' ')}`);
    return this.onSave();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.end();
    if (this.closeError !== undefined) throw this.closeError;
  }
}

/** Exits with the number at the end of the script: `exit 7` exits 7, anything else 0. */
export function obey(command: FakeProcess): void {
  const script = command.argv.at(-1) ?? '';
  const echo = /^echo (.*?)(?:;|$)/.exec(script);
  if (echo !== null) command.stdout.write(`${echo[1]}\n`);
  const code = /exit (\d+)/.exec(script);
  if (!script.includes('hang')) command.exit(Number(code?.[1] ?? 0));
}

/** One VM per sandbox, by name; `guest` handles every command. */
export function fakeVms(
  guest: (command: FakeProcess) => void = obey,
  prepare: (vm: FakeVm, hooks: SandboxVmHooks) => void = () => undefined,
) {
  const vms = new Map<string, FakeVm>();
  const createVm: CreateSandboxVm = async (sandbox, hooks) => {
    hooks.onImageProgress({
      level: 'info',
      artifact: 'rootfs',
      phase: 'verify',
      message: 'from the cache',
      fraction: null,
    });
    hooks.onVmStarting();
    hooks.onWarning('no room to save it');
    const vm = new FakeVm(guest);
    prepare(vm, hooks);
    vms.set(sandbox.name, vm);
    return vm;
  };
  return { vms, createVm };
}

export function step(name: string, script: string, rest: Partial<StepPlan> = {}): StepPlan {
  return {
    ...DEFAULT_STEP,
    name,
    command: { kind: 'shell', script },
    cwd: '/workspace',
    ...rest,
  };
}

export function sandbox(
  name: string,
  steps: readonly StepPlan[],
  vm: Partial<SandboxPlan['vm']> = {},
): SandboxPlan {
  return {
    name,
    matrix: {},
    matrixOf: null,
    artifacts: [],
    reports: { junit: [] },
    shards: 1,
    profiles: [],
    watch: { ...DEFAULT_WATCH, directory: '/p' },
    image: {
      name: 'debian',
      recipe: { kind: 'debian', arch: 'x86_64', release: 'bookworm', packages: [], mirror: null },
    },
    vm: {
      cpus: 2,
      memoryBytes: 512 * 2 ** 20,
      root: 'memory',
      diskBytes: 0,
      user: '',
      env: {},
      envOutputs: {},
      maskedEnv: [],
      workspace: '/workspace',
      mounts: [],
      timeoutMs: null,
      ports: [],
      hide: [],
      ...vm,
    },
    network: DEFAULT_NETWORK,
    secrets: [],
    onWritableCode: 'fail',
    steps,
    service: null,
    dependsOn: [],
  };
}

export function plan(...sandboxes: SandboxPlan[]): Plan {
  return {
    name: 'shop',
    configFiles: [],
    authorityFiles: [],
    hostCode: [],
    directory: '/project',
    sandboxes,
  };
}

/** A listener that keeps events, and one line for each: `step-finished unit failed 7`. */
export function recorder() {
  const events: RunEvent[] = [];
  const lines = () => events.map(lineOf);
  return { events, lines, onEvent: (event: RunEvent) => void events.push(event) };
}

function lineOf(event: RunChange): string {
  switch (event.type) {
    case 'step-started':
      return `step-started ${event.step} ${event.attempt}/${event.attempts}`;
    case 'step-output':
      return `step-output ${event.step} ${event.stream} ${JSON.stringify(event.text)}`;
    case 'step-finished':
      return `step-finished ${event.step} ${event.status} ${event.exitCode}${event.willRetry ? ' retry' : ''}`;
    case 'step-skipped':
      return `step-skipped ${event.step} ${event.cause}: ${event.reason}`;
    case 'sandbox-finished':
      return `sandbox-finished ${event.sandbox} ${event.status} ${event.exitCode}`;
    case 'run-finished':
      return `run-finished ${event.status} ${event.exitCode}`;
    case 'network-blocked':
      return `network-blocked ${event.host} ${event.reason}`;
    case 'step-cached':
      return `step-cached ${event.step}`;
    case 'checkpoint-missed':
      return `checkpoint-missed ${event.step}: ${event.reason}`;
    case 'checkpoint-saved':
      return `checkpoint-saved ${event.step}`;
    case 'port-opened':
      return `port-opened ${event.host}:${event.port} ${event.guestPort}`;
    case 'change-detected':
      return `change-detected ${event.sandbox} ${event.action} ${event.from} ${event.paths.join()}`;
    case 'rerun-prepared':
      return `rerun-prepared ${event.sandbox} ${event.stepCount}`;
    case 'files-synced':
      return `files-synced ${event.files} ${event.deleted}`;
    case 'warning':
      return `warning ${event.message}`;
    case 'service-started':
      return `service-started ${event.sandbox}`;
    case 'service-restarted':
      return `service-restarted ${event.sandbox} ${event.restarts}`;
    case 'service-healthy':
      return `service-healthy ${event.sandbox}`;
    case 'service-output':
      return `service-output ${event.sandbox} ${event.stream} ${JSON.stringify(event.text)}`;
    case 'service-exited': {
      const why = event.isStopped ? 'stopped' : event.exitCode;
      return `service-exited ${event.sandbox} ${why}${event.restartInMs === null ? '' : ' restart'}`;
    }
    case 'sandbox-waiting':
      return `sandbox-waiting ${event.sandbox}`;
    case 'sandbox-changed':
      return `sandbox-changed ${event.sandbox} ${event.action}${event.reasons.map((reason) => ` ${reason}`).join(',')}`;
    case 'sandbox-stopping':
      return `sandbox-stopping ${event.sandbox}`;
    case 'memory-waiting':
      return `memory-waiting ${event.sandbox} ${event.freeBytes}`;
    case 'artifacts-copied':
      return `artifacts-copied ${event.files}`;
    case 'tests-read':
      return `tests-read ${event.counts.failed}`;
    case 'run-started':
    case 'image-progress':
    case 'vm-starting':
    case 'vm-started':
      return event.type;
  }
}
