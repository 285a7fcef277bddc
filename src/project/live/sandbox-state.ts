import type { PortMapping } from '../../address/parse-port-mapping.ts';
import type { SandboxPlan } from '../../plan/plan.ts';
import type { RunChange } from '../run-event.ts';

/**
 * Where a sandbox of a running project is in its life. `steps`: its steps run. `running`: its service runs, or without one its VM.
 * `restarting`: its service has ended and will be started again. `done`: it ended by itself with success. `stopped`: on request.
 */
export type SandboxPhase =
  | 'waiting'
  | 'starting'
  | 'steps'
  | 'running'
  | 'restarting'
  | 'stopping'
  | 'done'
  | 'failed'
  | 'stopped';

/** The state of one sandbox of a running project. Plain data. */
export interface SandboxState {
  readonly name: string;
  /** The sandbox whose `matrix:` made it; null for none. */
  readonly matrixOf: string | null;
  readonly image: string;
  readonly phase: SandboxPhase;
  readonly isService: boolean;
  /** null for a sandbox without a healthcheck. */
  readonly health: 'starting' | 'healthy' | 'unhealthy' | null;
  /** The step that runs; null between steps. */
  readonly step: string | null;
  /** Exit code of the sandbox once it has ended, or of the last run of its service. */
  readonly exitCode: number | null;
  /** The number of times that its service was started again. */
  readonly restarts: number;
  /** Id of its VM in `gondolin list`; null while it has none. */
  readonly vmId: string | null;
  /** Ports of this machine that lead to it. */
  readonly ports: readonly PortMapping[];
  /** ISO 8601, UTC: when it came to this phase. */
  readonly since: string;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export function initialState(
  { name, matrixOf, image, service }: SandboxPlan,
  since: string,
): SandboxState {
  return {
    ...{ name, matrixOf },
    image: image.name,
    phase: 'waiting',
    isService: service !== null,
    health: service?.healthcheck == null ? null : 'starting',
    step: null,
    exitCode: null,
    restarts: 0,
    vmId: null,
    ports: [],
    since,
    error: null,
  };
}

/** True when the sandbox has no VM, and will have none until it is started again. */
export function isEnded({ phase }: Pick<SandboxState, 'phase'>): boolean {
  return phase === 'done' || phase === 'failed' || phase === 'stopped';
}

type Changed = Partial<Omit<SandboxState, 'name' | 'matrixOf' | 'isService'>>;

function startBy(
  { health }: SandboxState,
  event: Extract<RunChange, { type: 'service-started' | 'service-restarted' }>,
): Changed {
  const restarts = event.type === 'service-started' ? 0 : event.restarts;
  const checked: Changed = health === null ? {} : { health: 'starting' };
  return { phase: 'running', restarts, exitCode: null, ...checked };
}

function endBy(
  { phase, exitCode: lastExitCode }: SandboxState,
  { status, exitCode, error }: Extract<RunChange, { type: 'sandbox-finished' }>,
): Changed {
  const isWanted = status === 'cancelled' || phase === 'stopping';
  const ended = status === 'succeeded' ? 'done' : 'failed';
  const isSick = error?.code === 'PROJECT_SERVICE_UNHEALTHY';
  return {
    ...{ step: null, vmId: null, ports: [] },
    phase: isWanted ? 'stopped' : ended,
    exitCode: isWanted ? lastExitCode : exitCode,
    error: error === null ? null : { code: error.code, message: error.message },
    ...(isSick ? { health: 'unhealthy' } : {}),
  };
}

/** Returns what an event changes of the state of its sandbox; null for nothing. */
function changeBy(state: SandboxState, event: RunChange): Changed | null {
  switch (event.type) {
    case 'image-progress':
    case 'vm-starting':
      return state.phase === 'waiting' ? { phase: 'starting' } : null;
    case 'port-opened': {
      const { host, port, guestPort } = event;
      return { ports: [...state.ports, { host, port, guestPort }] };
    }
    case 'vm-started':
      return { phase: 'steps', vmId: event.vmId };
    case 'step-started':
      return { step: event.step };
    case 'step-finished':
      return { step: null };
    case 'service-started':
    case 'service-restarted':
      return startBy(state, event);
    case 'service-healthy':
      return { health: 'healthy' };
    case 'service-exited': {
      const phase = event.restartInMs === null ? state.phase : 'restarting';
      return { phase, exitCode: event.exitCode };
    }
    case 'sandbox-stopping':
      return { phase: 'stopping' };
    case 'sandbox-finished':
      return endBy(state, event);
    case 'run-started':
    case 'sandbox-waiting':
    case 'sandbox-changed':
    case 'change-detected':
    case 'rerun-prepared':
    case 'files-synced':
    case 'checkpoint-missed':
    case 'checkpoint-saved':
    case 'network-blocked':
    case 'step-cached':
    case 'step-skipped':
    case 'step-output':
    case 'service-output':
    case 'artifacts-copied':
    case 'tests-read':
    case 'memory-waiting':
    case 'warning':
    case 'run-finished':
      return null;
  }
}

/** Returns the state after an event of its sandbox: the same object if nothing has changed. */
export function nextState(state: SandboxState, event: RunChange, now: string): SandboxState {
  const changed = changeBy(state, event);
  if (changed === null) return state;
  const hasMoved = changed.phase !== undefined && changed.phase !== state.phase;
  return { ...state, ...changed, since: hasMoved ? now : state.since };
}
