import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { SshGuest } from '../ssh/ssh-guest.ts';
import type { EnableSshOptions, SshAccess } from '../ssh/ssh-options.ts';

/** Hosts that only this machine reaches. */
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);
const MAX_PORT = 65_535;

/** The parts of a VM that SSH uses. */
export interface SshVm {
  /** The VM's `user`; empty for root. */
  readonly user: string;
  /** The guest as one of its users. */
  guestAs(user: string): SshGuest;
  /** A directory that is removed with the VM; null if there is none. */
  privateDirectory(): Promise<string | null>;
}

interface CheckedOptions {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

function checkOptions(options: EnableSshOptions, vmUser: string): CheckedOptions {
  const { user = vmUser, listenHost = '127.0.0.1', listenPort = 0 } = options;
  if (!LOOPBACK.has(listenHost)) {
    throw new GondolinError(
      'VM_BAD_OPTION',
      `option listenHost: got ${JSON.stringify(listenHost)}, want 127.0.0.1, ::1 or localhost`,
    );
  }
  if (!Number.isInteger(listenPort) || listenPort < 0 || listenPort > MAX_PORT) {
    throw new GondolinError(
      'VM_BAD_OPTION',
      `option listenPort: got ${JSON.stringify(listenPort)}, want 0 to ${MAX_PORT}`,
    );
  }
  return { user, host: listenHost, port: listenPort };
}

/** The name to log in as: that of the guest's user, without its group. */
function loginName(user: string): string {
  const [name = ''] = user.split(':');
  return /^[A-Za-z0-9_][\w.-]*$/.test(name) ? name : 'root';
}

/** The ways into one VM by SSH. */
export class VmSsh {
  readonly #vm: SshVm;
  readonly #open = new Set<Promise<SshAccess>>();
  #default: Promise<SshAccess> | null = null;
  #isClosed = false;

  constructor(vm: SshVm) {
    this.#vm = vm;
  }

  /** Opens a way in; without options, the one that is open already. @throws {GondolinError} VM_BAD_OPTION, SSH_LISTEN_FAILED */
  async enable(options: EnableSshOptions = {}): Promise<SshAccess> {
    const checked = checkOptions(options, this.#vm.user);
    if (Object.values(options).some((value) => value !== undefined)) return this.#start(checked);
    this.#default ??= this.#start(checked).catch((error: unknown) => {
      this.#default = null;
      throw error;
    });
    return this.#default;
  }

  async #start({ user, host, port }: CheckedOptions): Promise<SshAccess> {
    const opening = this.#listen({ user, host, port });
    this.#open.add(opening);
    opening.catch(() => this.#open.delete(opening));
    const access = await opening;
    if (this.#isClosed) {
      await access.close();
      throw new GondolinError('VM_NOT_RUNNING', 'VM is not running');
    }
    const close = async (): Promise<void> => {
      this.#open.delete(opening);
      const isDefault = (await this.#default?.catch(() => null))?.port === access.port;
      if (isDefault) this.#default = null;
      await access.close();
    };
    return { ...access, close };
  }

  async #listen({ user, host, port }: CheckedOptions): Promise<SshAccess> {
    const { openSsh } = await import('../ssh/open-ssh.ts');
    const base = (await this.#vm.privateDirectory()) ?? tmpdir();
    // Readable by this user only, as mkdtemp makes it.
    const directory = await mkdtemp(join(base, 'ssh-'));
    return openSsh(this.#vm.guestAs(user), directory, { user: loginName(user), host, port });
  }

  /** Closes every way in. Called with the VM. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = await Promise.allSettled(this.#open);
    const opened = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await Promise.all(opened.map((access) => access.close()));
  }
}
