import type { PortMapping } from '../address/parse-port-mapping.ts';
import type { SourcePlace } from '../errors/gondolin-error.ts';
import type { TextParts } from './yaml/output-reference.ts';

/**
 * A checked project file with every default filled in. Host paths are absolute, sizes are in bytes, times in milliseconds;
 * guest paths are absolute and normalized.
 */
export interface Config {
  readonly name: string;
  /** The project file and its includes, absolute. */
  readonly files: readonly string[];
  readonly directory: string;
  readonly sandboxes: readonly SandboxConfig[];
  readonly functions: readonly FunctionConfig[];
}

/** A JavaScript function of the project. */
export interface FunctionConfig {
  readonly name: string;
  /** Its module on the host, absolute. */
  readonly handlerPath: string;
  /** Limit of a call, 1..3600000. */
  readonly timeoutMs: number;
  /** Its heap. */
  readonly memoryBytes: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface SandboxConfig {
  readonly name: string;
  /** Values of the combination that made it, by axis; empty without a `matrix:`. */
  readonly matrix: Readonly<Record<string, string>>;
  /** Name of the sandbox in the file whose `matrix:` made it; null without one. */
  readonly matrixOf: string | null;
  /** It runs without being named only if one of these is active; empty for always. */
  readonly profiles: readonly string[];
  /** Most shards that its steps are split over, 1..256. */
  readonly shards: number;
  /** Patterns of guest files that are copied to the host in the end: relative to the workspace, or absolute. */
  readonly artifacts: readonly string[];
  readonly reports: ReportsConfig;
  readonly image: ImageConfig;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Limit of the whole run; null for none. */
  readonly timeoutMs: number | null;
  /** `memory` and `disk`: writable, lost at the end. `readonly`: volumes and /tmp only. */
  readonly root: 'memory' | 'disk' | 'readonly';
  /** Size of the disk of `root: disk`. */
  readonly diskBytes: number;
  /** Working directory of the steps unless they say otherwise; absolute guest path. */
  readonly workspace: string;
  /** `UID[:GID]` or `NAME[:GROUP]`; empty for root. */
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envOutputs: EnvOutputs;
  /** Names in `env` whose values were inherited, came from an env_file, or may contain a credential: masked when printed. */
  readonly maskedEnv: readonly string[];
  /** Files of `env_file`, absolute, including optional ones that are missing. */
  readonly envFiles: readonly string[];
  readonly volumes: readonly VolumeConfig[];
  /** Patterns of names and paths in host volumes that the guest does not see. */
  readonly hide: readonly string[];
  readonly network: NetworkConfig;
  /** One for each port, ranges taken apart. */
  readonly ports: readonly PortMapping[];
  readonly secrets: readonly SecretConfig[];
  /** `fail`: refuses to start while a guest could change code that the host runs for this project. */
  readonly onWritableCode: 'fail' | 'warn';
  /** Run in order; of a service, before its command. */
  readonly steps: readonly StepConfig[];
  /** The command that keeps running; null for a sandbox that has done its work after its steps. */
  readonly service: ServiceConfig | null;
  readonly dependsOn: readonly DependencyConfig[];
  readonly watch: WatchConfig;
}

/** Reports that the commands of a sandbox write in the guest. */
export interface ReportsConfig {
  /** Patterns of JUnit files: relative to the workspace, or absolute. */
  readonly junit: readonly string[];
}

/**
 * A command in parts, because outputs of steps are in it: one text for a script, one for each word of a list. The command
 * itself has the references as the file spells them.
 */
export type CommandOutputs = readonly TextParts[];

/** The variables of an `env:` in whose values outputs of steps are, in parts. */
export type EnvOutputs = Readonly<Record<string, TextParts>>;

/** The reactions of watch mode to changes of host files. */
export interface WatchConfig {
  /** Time without a change after which several changes count as one. */
  readonly debounceMs: number;
  /** `cancel`: a change ends running steps; `queue`: it waits until they have ended. */
  readonly whileRunning: 'cancel' | 'queue';
  /** Patterns of files that never count, as in `.gitignore`. */
  readonly ignore: readonly string[];
  /** Base of `ignore`: the directory of the file that has them; absolute. */
  readonly directory: string;
  /** The first that fits counts; empty for the default. */
  readonly rules: readonly WatchRuleConfig[];
}

export interface WatchRuleConfig {
  /** Absolute host path of a directory or file, which need not exist. */
  readonly path: string;
  /** Patterns below `path` that the rule does not mean, as in `.gitignore`. */
  readonly ignore: readonly string[];
  readonly action: WatchAction;
  /** First step that runs again; null for the first one whose inputs changed. */
  readonly from: string | null;
}

export type WatchAction = 'rerun' | 'restart' | 'rebuild' | 'reload' | 'sync';

/** The main command of a sandbox, and how it is kept running. */
export interface ServiceConfig {
  /** A string runs in a shell, a list without one. */
  readonly run: string | readonly string[];
  /** null without outputs. */
  readonly runOutputs: CommandOutputs | null;
  readonly restart: RestartPolicy;
  /** Asks it to end. */
  readonly stopSignal: StopSignal;
  /** Time it has to end before SIGKILL. */
  readonly stopGracePeriodMs: number;
  /** null: it is healthy as soon as it is started. */
  readonly healthcheck: HealthcheckConfig | null;
}

/** Whether a command that has ended is started again, and how many times; null for any number. */
export interface RestartPolicy {
  readonly when: 'no' | 'on-failure' | 'always';
  readonly maxRestarts: number | null;
}

export type StopSignal =
  | 'SIGHUP'
  | 'SIGINT'
  | 'SIGQUIT'
  | 'SIGKILL'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGTERM'
  | 'SIGWINCH';

/** A command in the guest that succeeds once the service does its work. */
export interface HealthcheckConfig {
  /** A string runs in a shell, a list without one. */
  readonly test: string | readonly string[];
  /** null without outputs. */
  readonly testOutputs: CommandOutputs | null;
  readonly intervalMs: number;
  /** Limit of one check. */
  readonly timeoutMs: number;
  /** Failures in a row that make the service unhealthy. */
  readonly retries: number;
  /** Failures in this time do not count, and checks come every `startIntervalMs`. */
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** A sandbox that must have reached a state before this one starts. */
export interface DependencyConfig {
  readonly name: string;
  readonly condition: DependencyCondition;
}

/** `started`: its VM, or its service, has started. `healthy`: its check succeeded. `completed`: it has ended with success. */
export type DependencyCondition = 'started' | 'healthy' | 'completed';

export interface ImageConfig {
  readonly name: string;
  /** Directory of an image that was built earlier; null for another image. */
  readonly path: string | null;
  /** Name of an image of this machine; null for another image. */
  readonly tag: string | null;
  /** A reference, `oci-layout:` or `docker-archive:` with an absolute path; null for another image. */
  readonly oci: string | null;
  /** Null for another image. */
  readonly dockerfile: DockerfileConfig | null;
  /** When the registry of `oci`, or of a FROM of `dockerfile`, is asked. */
  readonly pull: 'missing' | 'always' | 'never';
  /** Null for another image. */
  readonly alpine: AlpineConfig | null;
  /** `host` is this machine's processor. */
  readonly arch: 'host' | 'x86_64' | 'aarch64';
  readonly release: string;
  readonly packages: readonly string[];
  readonly mirror: string;
  /** The time that Debian's packages are of, such as `2026-11-01T00:00:00Z`; null for today. */
  readonly snapshot: string | null;
  /** Commands that are run once on top of the image. */
  readonly setup: readonly string[];
  /** The hosts that these commands, and the instructions of a Dockerfile, may reach. */
  readonly network: SetupNetworkConfig;
}

/** An image that a Dockerfile describes. */
export interface DockerfileConfig {
  /** Absolute. */
  readonly path: string;
  /** The directory that COPY and ADD read; absolute. */
  readonly context: string;
  readonly args: Readonly<Record<string, string>>;
  /** The stage that is the image; null for the last. */
  readonly target: string | null;
  /** For `RUN --mount=type=secret`: the build gets their placeholders. */
  readonly secrets: readonly SecretConfig[];
}

/** An image of Alpine packages. */
export interface AlpineConfig {
  readonly version: string;
  /** Null for the branch of the version. */
  readonly branch: string | null;
  readonly packages: readonly string[];
  /** A URL; null for the user's own mirror. */
  readonly mirror: string | null;
  /** Absolute; null for the user's own directory. */
  readonly keys: string | null;
}

/** The keys of `network:` that the setup or the Dockerfile of an image has. */
export type SetupNetworkConfig = Pick<
  NetworkConfig,
  'allowedHosts' | 'allowedPrivate' | 'extraHosts'
>;

export type VolumeConfig =
  | {
      readonly kind: 'host';
      readonly hostPath: string;
      readonly guestPath: string;
      readonly isReadonly: boolean;
      /** Size of the memory of this process that takes what the guest changes: it never goes to the host's files. */
      readonly overlay?: { readonly sizeBytes: number };
      /** Whether its files have extended attributes. */
      readonly xattrs?: true;
    }
  | { readonly kind: 'memory'; readonly guestPath: string; readonly sizeBytes: number }
  | {
      /** A tree of the host that is copied into the guest before the steps. */
      readonly kind: 'copy';
      readonly hostPath: string;
      readonly guestPath: string;
      /** Whether what the `.gitignore` files of the tree ignore is left out, and `.git`. */
      readonly usesGitignore: boolean;
    }
  | {
      /** A disk of the project, kept between runs. */
      readonly kind: 'disk';
      readonly name: string;
      readonly guestPath: string;
      readonly sizeBytes: number;
      readonly isReadonly: boolean;
    };

/** The hosts that a guest may reach. Host patterns have their canonical form: `api.test`, `*.b.test:8443`, `db:5432/tcp`. */
export interface NetworkConfig {
  /** `allowlist` with an empty list allows nothing; `open` allows everything that is not denied or private. */
  readonly mode: 'none' | 'allowlist' | 'open';
  readonly allowedHosts: readonly string[];
  readonly deniedHosts: readonly string[];
  readonly blockPrivateIps: boolean;
  /** Patterns of hosts that may have private addresses. */
  readonly allowedPrivate: readonly string[];
  readonly extraHosts: readonly ExtraHostConfig[];
  /** PEM files with further root certificates for upstream TLS. */
  readonly ca: readonly string[];
  /** Patterns of hosts whose TLS is not inspected. */
  readonly passthrough: readonly string[];
  readonly rules: readonly HttpRuleConfig[];
  readonly policyScript: string | null;
  readonly upstreamProxy: UpstreamProxyConfig | null;
  readonly ssh: readonly SshConfig[];
  /** `fail`: a run in which something was blocked exits 3. */
  readonly onBlocked: 'warn' | 'fail';
}

/** SSH servers that the guest reaches with a credential of the host, and the commands that may run there. */
export interface SshConfig {
  /** Canonical host patterns; without a port they mean port 22. */
  readonly hosts: readonly string[];
  /** The user to log in as; null for the one that the guest asks for. */
  readonly user: string | null;
  /** Absolute path of a private key on the host. */
  readonly key: string | null;
  /** Whether the ssh-agent of the host is asked. */
  readonly agent: boolean;
  /** Absolute paths; empty for the user's and the system's. */
  readonly knownHosts: readonly string[];
  /** Each the words of a command, with `*`; `**` for every command. */
  readonly commands: readonly string[];
}

/** The proxy through which servers are reached. */
export interface UpstreamProxyConfig {
  /** `http://`, `https://` or `socks5://`, host and port; never credentials. */
  readonly url: string;
  /** The source of `user:password`; null for none. */
  readonly credentials: SecretSourceConfig | null;
  /** Patterns of hosts that are dialled directly. */
  readonly noProxy: readonly string[];
  /** The side that resolves names. */
  readonly resolve: 'local' | 'proxy';
}

/** A name whose connections go to `address`, and to `port` whichever port the guest dialled, unless `port` is null. */
export interface ExtraHostConfig {
  readonly name: string;
  readonly address: string;
  readonly port: number | null;
}

/** A rule about requests. The first one whose host, method and path match decides. */
export interface HttpRuleConfig {
  readonly host: string;
  /** In upper case; empty for every method. */
  readonly methods: readonly string[];
  /** Globs over the path; empty for every path. */
  readonly paths: readonly string[];
  readonly action: 'allow' | 'deny';
  /** The text that the guest gets with a refusal; empty for no text. */
  readonly reason: string;
}

/** A credential that the guest never sees: where its value comes from, never the value. */
export interface SecretConfig {
  /** Name of the guest's variable that contains the placeholder. */
  readonly name: string;
  readonly hosts: readonly string[];
  /** Request header fields that may carry it, in lower case; empty for every field. */
  readonly headers: readonly string[];
  readonly from: SecretSourceConfig;
  /** Whether it is also substituted in the query of URLs. */
  readonly query: boolean;
  /** Whether it is also sent over plain HTTP. */
  readonly allowHttp: boolean;
}

export type SecretSourceConfig =
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Runs on the host, in `directory`; its standard output is the value. A string runs in a shell, a list without one. */
  | {
      readonly kind: 'command';
      readonly command: string | readonly string[];
      readonly directory: string;
    };

/** One line of a step's `inputs:`: a path or a glob; with a leading `!` it excludes what other lines include. */
export interface StepInput {
  readonly pattern: string;
  /** Directory at which a relative pattern starts, that of the file that contains it; absolute. */
  readonly directory: string;
  readonly at: SourcePlace;
}

export interface StepConfig {
  readonly name: string;
  /** A string runs in a shell, a list without one. */
  readonly run: string | readonly string[];
  /** null without outputs. */
  readonly runOutputs: CommandOutputs | null;
  /** Names of steps of the same sandbox that must have succeeded. */
  readonly needs: readonly string[];
  readonly when: 'on_success' | 'on_failure' | 'always';
  /** Limit of each attempt; null for none. */
  readonly timeoutMs: number | null;
  /** Further attempts after a failed one. */
  readonly retries: number;
  /** Overrides the sandbox's variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly envOutputs: EnvOutputs;
  /** Like that of the sandbox. */
  readonly maskedEnv: readonly string[];
  /** Absolute guest path. */
  readonly cwd: string;
  readonly successExitCodes: readonly number[];
  readonly continueOnError: boolean;
  /** It runs in every shard of its sandbox, and splits its work by the variables `GONDOLIN_SHARD_INDEX` and `…_COUNT`. */
  readonly inEveryShard: boolean;
  /** Saves the machine after the step; later runs restore it while nothing up to this step has changed. */
  readonly checkpoint: boolean;
  /** Host files that the step's result depends on, besides its command and environment. */
  readonly inputs: readonly StepInput[];
}
