import type { SourcePlace } from '../errors/gondolin-error.ts';

/**
 * A project file, checked and with every default filled in. Host paths are absolute, sizes in bytes, times in
 * milliseconds; guest paths are absolute and clean.
 */
export interface Config {
  readonly name: string;
  /** The project file and its includes, absolute. */
  readonly files: readonly string[];
  readonly directory: string;
  readonly sandboxes: readonly SandboxConfig[];
}

export interface SandboxConfig {
  readonly name: string;
  readonly image: ImageConfig;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Limit of the whole run; null for none. */
  readonly timeoutMs: number | null;
  /** `memory`: writable, lost at the end. `readonly`: volumes and /tmp only. */
  readonly root: 'memory' | 'readonly';
  /** Working directory of the steps unless they say otherwise; absolute guest path. */
  readonly workspace: string;
  /** `UID[:GID]` or `NAME[:GROUP]`; empty for root. */
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` that were inherited, came from an env_file, or hold a credential of the host: masked when printed. */
  readonly maskedEnv: readonly string[];
  /** Files of `env_file`, absolute; also those that may be missing. */
  readonly envFiles: readonly string[];
  readonly volumes: readonly VolumeConfig[];
  readonly network: NetworkConfig;
  readonly secrets: readonly SecretConfig[];
  /** `fail`: refuses to start while a guest could change code that the host runs for this project. */
  readonly onWritableCode: 'fail' | 'warn';
  readonly steps: readonly StepConfig[];
}

export interface ImageConfig {
  readonly name: string;
  /** A directory with a built image, or null for one that is built. */
  readonly path: string | null;
  /** `host` takes this machine's. */
  readonly arch: 'host' | 'x86_64' | 'aarch64';
  readonly release: string;
  readonly packages: readonly string[];
  readonly mirror: string;
}

export type VolumeConfig =
  | {
      readonly kind: 'host';
      readonly hostPath: string;
      readonly guestPath: string;
      readonly isReadonly: boolean;
    }
  | { readonly kind: 'memory'; readonly guestPath: string; readonly sizeBytes: number };

/** What the guest may reach. Host entries are in their one form: `api.test`, `*.b.test:8443`, `db:5432/tcp`. */
export interface NetworkConfig {
  /** `allowlist` with an empty list is nothing; `open` is everything but what is denied or private. */
  readonly mode: 'none' | 'allowlist' | 'open';
  readonly allowedHosts: readonly string[];
  readonly deniedHosts: readonly string[];
  readonly blockPrivateIps: boolean;
  /** Names, addresses and CIDR blocks that may be private. */
  readonly allowedPrivate: readonly string[];
  readonly extraHosts: readonly ExtraHostConfig[];
  /** Files with further roots for upstream TLS, in PEM. */
  readonly ca: readonly string[];
  /** Hosts whose TLS is not opened. */
  readonly passthrough: readonly string[];
  readonly rules: readonly HttpRuleConfig[];
  readonly policyScript: string | null;
  /** `fail`: a run in which something was blocked exits 3. */
  readonly onBlocked: 'warn' | 'fail';
}

/** A name that is dialled at `address`, and at `port` whatever port was asked for, unless that is null. */
export interface ExtraHostConfig {
  readonly name: string;
  readonly address: string;
  readonly port: number | null;
}

/** The first rule whose host, method and path fit decides. */
export interface HttpRuleConfig {
  readonly host: string;
  /** In capitals; empty is every method. */
  readonly methods: readonly string[];
  /** Globs over the path; empty is every path. */
  readonly paths: readonly string[];
  readonly action: 'allow' | 'deny';
}

/** A credential that the guest never sees. Holds where its value comes from, never the value. */
export interface SecretConfig {
  /** Of the guest's variable that holds the placeholder. */
  readonly name: string;
  readonly hosts: readonly string[];
  /** Fields of requests that it belongs in, in small letters; empty is every field. */
  readonly headers: readonly string[];
  readonly from: SecretSourceConfig;
  /** Also put into the query of URLs. */
  readonly query: boolean;
  /** Also over plain HTTP. */
  readonly allowHttp: boolean;
}

export type SecretSourceConfig =
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Runs on the host, in `directory`; its standard output is the value. A string runs by a shell, a list without. */
  | {
      readonly kind: 'command';
      readonly command: string | readonly string[];
      readonly directory: string;
    };

/** One line of a step's `inputs:`: a path or a glob; with a leading `!` it excludes what other lines include. */
export interface StepInput {
  readonly pattern: string;
  /** Where a relative pattern starts: the directory of the file that contains it; absolute. */
  readonly directory: string;
  readonly at: SourcePlace;
}

export interface StepConfig {
  readonly name: string;
  /** A string runs by a shell, a list without one. */
  readonly run: string | readonly string[];
  /** Names of steps of the same sandbox that must have succeeded. */
  readonly needs: readonly string[];
  readonly when: 'on_success' | 'on_failure' | 'always';
  /** Limit of each attempt; null for none. */
  readonly timeoutMs: number | null;
  /** Further attempts after a failed one. */
  readonly retries: number;
  /** Overrides the sandbox's variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Like that of the sandbox. */
  readonly maskedEnv: readonly string[];
  /** Absolute guest path. */
  readonly cwd: string;
  readonly successExitCodes: readonly number[];
  readonly continueOnError: boolean;
  /** Saves the machine after the step; later runs restore it while nothing up to this step has changed. */
  readonly checkpoint: boolean;
  /** Host files that the step's result depends on, besides its command and environment. */
  readonly inputs: readonly StepInput[];
}
