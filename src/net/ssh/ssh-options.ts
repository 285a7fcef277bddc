/**
 * A command that a guest asks an SSH server to run. All of it but `hostname` and `port` is untrusted text of the guest.
 *
 * @example
 * const execPolicy: SshExecPolicy = (request: SshExecRequest) => ({
 *   allow: getInfoFromSshExecRequest(request)?.repo === 'org/project.git',
 * });
 */
export interface SshExecRequest {
  /** The name that the guest asked DNS for, in lower case, or the address it dialled. */
  readonly hostname: string;
  readonly port: number;
  /** The user that the guest logs in as. */
  readonly guestUsername: string;
  /** As sent: the server's shell splits it into words. */
  readonly command: string;
}

/**
 * The decision of an {@link SshExecPolicy}. A refused command prints `message` on its stderr and ends with `exitCode`.
 *
 * @example
 * const decision: SshExecDecision = { allow: false, exitCode: 1, message: 'pushing is turned off' };
 */
export type SshExecDecision =
  | { readonly allow: true }
  | {
      readonly allow: false;
      /** 1..255. @default 1 */
      readonly exitCode?: number;
      /** @default a text that names the command */
      readonly message?: string;
    };

/**
 * Decides about each command before anything is sent to the server. One that throws or rejects refuses the command.
 *
 * @example
 * const execPolicy: SshExecPolicy = ({ command }) => ({ allow: command.startsWith('git-upload-pack ') });
 */
export type SshExecPolicy = (
  request: SshExecRequest,
) => SshExecDecision | PromiseLike<SshExecDecision>;

/**
 * The host's credential for one SSH server. The guest never sees it.
 *
 * @example
 * const credential: SshCredential = { username: 'git', privateKeyFile: '/home/me/.ssh/deploy_key' };
 */
export interface SshCredential {
  /** The user to log in as, whatever the guest asks for. @default the user that the guest asks for */
  readonly username?: string;
  /** A private key: OpenSSH or PEM text. This, or `privateKeyFile`. */
  readonly privateKey?: string | Buffer;
  /** Absolute path of a private key on the host. */
  readonly privateKeyFile?: string;
  /** Decrypts the key. */
  readonly passphrase?: string | undefined;
}

/**
 * SSH servers that a guest may reach with the host's credentials.
 *
 * @example
 * const ssh: SshOptions = {
 *   allowedHosts: ['git.example.com'],
 *   credentials: { 'git.example.com': { privateKeyFile: '/home/me/.ssh/deploy_key' } },
 *   knownHostsFile: '/home/me/.ssh/known_hosts',
 *   execPolicy: (request) => ({ allow: getInfoFromSshExecRequest(request) !== null }),
 * };
 * const vm = await VM.create({ ssh });
 */
export interface SshOptions {
  /** Host patterns; without a port they mean port 22. */
  readonly allowedHosts: readonly string[];
  /** Host pattern → the credential for it; the first that covers a server counts. @default none */
  readonly credentials?: Readonly<Record<string, SshCredential>>;
  /** Path of the socket of an ssh-agent on the host, for servers without a credential. @default none */
  readonly agent?: string | undefined;
  /** Absolute paths of known_hosts files. @default ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts of the host */
  readonly knownHostsFile?: string | readonly string[];
  /** Decides about the server's public key (as on the wire) in place of known_hosts files. */
  readonly hostVerifier?: (
    key: Buffer,
    server: { readonly hostname: string; readonly port: number },
  ) => boolean | PromiseLike<boolean>;
  /**
   * Host pattern → the commands that may run there, compared word by word: `git-upload-pack org/project.git`. `*` is any word,
   * or a part of one segment of a path; `**` alone is every command. @default every command, at a host without an entry too
   */
  readonly commands?: Readonly<Record<string, readonly string[]>>;
  /** Decides about commands that `commands` allows. @default all are allowed */
  readonly execPolicy?: SshExecPolicy;
  /** SSH connections of one VM at a time. @default 64 */
  readonly maxUpstreamConnectionsTotal?: number;
  /** Time limit for the handshake with a server and the login, in milliseconds. @default 15000 */
  readonly upstreamReadyTimeoutMs?: number;
  /** Time between two checks that a server is alive, in milliseconds; 0 for none. @default 10000 */
  readonly upstreamKeepaliveIntervalMs?: number;
  /** Checks without a reply after which a connection is lost. @default 3 */
  readonly upstreamKeepaliveCountMax?: number;
}
