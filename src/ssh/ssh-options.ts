/**
 * Options of `vm.enableSsh`.
 *
 * @example
 * const options: EnableSshOptions = { listenPort: 2222 };
 * const access = await vm.enableSsh(options);
 */
export interface EnableSshOptions {
  /** Guest user of every session: `UID[:GID]` or `NAME[:GROUP]`. @default the VM's `user`, else root */
  readonly user?: string;
  /** A loopback address of this machine: `127.0.0.1`, `::1` or `localhost`. @default '127.0.0.1' */
  readonly listenHost?: string;
  /** 0 takes a free port. @default 0 */
  readonly listenPort?: number;
}

/**
 * The way into a VM by SSH, from `vm.enableSsh()` or `vm.ssh()`.
 *
 * @example
 * const access: SshAccess = await vm.ssh();
 * console.log(access.command.startsWith('ssh ')); // true
 * await access.close();
 */
export interface SshAccess {
  /** Loopback address. */
  readonly host: string;
  readonly port: number;
  /** The user to log in as. */
  readonly user: string;
  /** Private key, readable by this user of the host only. It exists until `close()`. */
  readonly identityFile: string;
  /** A known_hosts file with the server's key. */
  readonly knownHostsFile: string;
  /** A line for a shell that logs in. Further words run a command. */
  readonly command: string;
  /** Options of `ssh`, `scp`, `sftp` and `rsync -e`, each `Name=value`, without host and user. */
  readonly options: readonly string[];
  /** Ends all connections, stops listening and removes the key. */
  close(): Promise<void>;
}
