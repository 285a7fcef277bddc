import type {
  HealthcheckConfig,
  ImageConfig,
  NetworkConfig,
  ReportsConfig,
  ServiceConfig,
  StepConfig,
  WatchConfig,
} from './config.ts';

/** `workspace:` left out. */
export const SANDBOX_WORKSPACE = '/workspace';

/** A step without any key but its command. Its name, command and directory depend on the file. */
export const DEFAULT_STEP: Omit<StepConfig, 'name' | 'run' | 'cwd'> = {
  needs: [],
  when: 'on_success',
  timeoutMs: null,
  retries: 0,
  env: {},
  runOutputs: null,
  envOutputs: {},
  maskedEnv: [],
  successExitCodes: [0],
  continueOnError: false,
  inEveryShard: false,
  checkpoint: false,
  inputs: [],
};

/** `network:` left out: nothing is allowed. */
export const DEFAULT_NETWORK: NetworkConfig = {
  mode: 'allowlist',
  allowedHosts: [],
  deniedHosts: [],
  blockPrivateIps: true,
  allowedPrivate: [],
  extraHosts: [],
  ca: [],
  passthrough: [],
  rules: [],
  policyScript: null,
  upstreamProxy: null,
  ssh: [],
  onBlocked: 'warn',
};

/** `reports:` left out. */
export const DEFAULT_REPORTS: ReportsConfig = { junit: [] };

/** The built-in image: this machine's Debian release and processor, no extra packages. */
export const DEFAULT_IMAGE: ImageConfig = {
  name: 'debian',
  path: null,
  tag: null,
  oci: null,
  dockerfile: null,
  pull: 'missing',
  alpine: null,
  arch: 'host',
  release: 'host',
  packages: [],
  mirror: 'host',
  snapshot: null,
  setup: [],
  network: { allowedHosts: [], allowedPrivate: [], extraHosts: [] },
};

/** A service with nothing but its command. */
export const DEFAULT_SERVICE: Omit<ServiceConfig, 'run'> = {
  runOutputs: null,
  restart: { when: 'no', maxRestarts: null },
  stopSignal: 'SIGTERM',
  stopGracePeriodMs: 10_000,
  healthcheck: null,
};

/** `healthcheck:` with nothing but its test; the times are Compose's. */
export const DEFAULT_HEALTHCHECK: Omit<HealthcheckConfig, 'test'> = {
  testOutputs: null,
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
};

/** `watch:` left out. */
export const DEFAULT_WATCH: Omit<WatchConfig, 'directory'> = {
  debounceMs: 100,
  whileRunning: 'cancel',
  ignore: [],
  rules: [],
};
