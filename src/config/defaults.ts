import type { ImageConfig, NetworkConfig, StepConfig } from './config.ts';

/** A step without any key but its command. Its name, command and directory depend on the file. */
export const DEFAULT_STEP: Omit<StepConfig, 'name' | 'run' | 'cwd'> = {
  needs: [],
  when: 'on_success',
  timeoutMs: null,
  retries: 0,
  env: {},
  maskedEnv: [],
  successExitCodes: [0],
  continueOnError: false,
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

/** The built-in image: this machine's Debian release and processor, no extra packages. */
export const DEFAULT_IMAGE: ImageConfig = {
  name: 'debian',
  path: null,
  arch: 'host',
  release: 'host',
  packages: [],
  mirror: 'host',
};
