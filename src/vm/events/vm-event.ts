/**
 * A request of the guest that ended, or one that was blocked. A connection that is not read as HTTP is one event with an empty `method`.
 *
 * @example
 * const isSlow = ({ duration_ms }: NetworkActivity) => duration_ms > 1_000;
 */
export interface NetworkActivity {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  /** 0 without a response. */
  readonly status_code: number;
  readonly request_bytes: number;
  readonly response_bytes: number;
  readonly duration_ms: number;
  readonly blocked: boolean;
  /** Only when `blocked`: the `message` of `ErrHostNotAllowed`, `ErrSecretLeak` or `ErrBlocked`. */
  readonly block_reason?: string;
}

/**
 * An operation of the guest on a file of `vfs.mounts` that succeeded. Reads that the guest's page cache answers are not seen.
 *
 * @example
 * const isChange = ({ op }: FileActivity) => op !== 'open' && op !== 'read';
 */
export interface FileActivity {
  /**
   * `open`, `create`, `read`, `write`, `fallocate`, `truncate`, `chmod`, `chown`, `utimes`, `mkdir`, `mknod`, `symlink`, `link`,
   * `unlink`, `rmdir` or `rename`.
   */
  readonly op: string;
  /** Absolute path in the guest; the old one of `rename` and `link`. */
  readonly path: string;
  /** The name to be, of `rename` and `link`. */
  readonly new_path?: string;
  /** Bytes read or written, the new size of `truncate`; else 0. */
  readonly size: number;
}

/**
 * A command of `vm.exec` that ended or could not start.
 *
 * @example
 * const hasFailed = ({ exit_code }: ExecActivity) => exit_code !== 0;
 */
export interface ExecActivity {
  /** As it was given; a list as one line for a shell. */
  readonly command: string;
  /** 128 + n after signal n; 127 and 126 for a program that is not there or cannot be executed. */
  readonly exit_code: number;
}

/**
 * One item of `vm.events()`, with the names of the Go API's JSON. `timestamp` is in milliseconds since 1970. Texts are cut at 4,096
 * characters. No event holds a secret's value or placeholder: `[secret NAME]` stands in their place.
 *
 * @example
 * const show = (event: VMEvent) => (event.type === 'exec' ? event.exec.command : event.type);
 */
export type VMEvent =
  | { readonly type: 'network'; readonly timestamp: number; readonly network: NetworkActivity }
  | { readonly type: 'file'; readonly timestamp: number; readonly file: FileActivity }
  | { readonly type: 'exec'; readonly timestamp: number; readonly exec: ExecActivity }
  /** `count` events came here for which there was no room, since this consumer was slow. */
  | { readonly type: 'dropped'; readonly timestamp: number; readonly count: number };
