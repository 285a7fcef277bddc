import { randomBytes } from 'node:crypto';
import { resolveDirectories } from '../host/directories.ts';
import type { OwnedFacts } from '../session/session-facts.ts';
import type { SessionRole } from '../session/session-role.ts';
import type { SessionProcess, SessionVm } from '../session/session-vm.ts';
import type { VmSession } from '../session/vm-session.ts';
import { DEFAULT_MEMORY, memoryBytes, type VMOptions } from './vm-options.ts';

/** Returns the name of the image that options ask for; null for one that the caller brought. */
function imageName({ image, sandbox }: VMOptions): string | null {
  if (typeof image === 'string') return image;
  if (image === undefined) return sandbox?.imagePath ?? 'debian';
  if (!('kind' in image)) return null;
  return image.kind === 'path' ? image.path : 'debian';
}

function ownedFacts(options: VMOptions, role: SessionRole): OwnedFacts {
  return {
    label: options.sessionLabel ?? null,
    project: role.project ?? null,
    sandbox: role.sandbox ?? null,
    directory: role.directory ?? process.cwd(),
    image: role.image ?? imageName(options),
    cpus: options.cpus ?? 1,
    memoryBytes: memoryBytes(options.memory ?? DEFAULT_MEMORY),
  };
}

let sessionModule: Promise<typeof import('../session/vm-session.ts')> | undefined;
const loadSession = () => {
  sessionModule ??= import('../session/vm-session.ts');
  return sessionModule;
};

/** Makes a VM known to other commands of this user. A VM that cannot be reached by them works all the same. */
export class SessionRegistration {
  readonly #options: VMOptions;
  readonly #role: SessionRole;
  #opening: Promise<VmSession | null> | undefined;
  #session: VmSession | null = null;
  /** Until it is known to others, and when it cannot be. */
  #id = randomBytes(6).toString('hex');

  constructor(options: VMOptions, role: SessionRole) {
    this.#options = options;
    this.#role = role;
  }

  /** 12 hex digits: the id of the session when there is one. */
  get id(): string {
    return this.#id;
  }

  /** Begins, while QEMU starts, which takes longer. May be called again. */
  open(): void {
    this.#opening ??= this.#open().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.onWarning?.(`other commands cannot reach this VM: ${reason}`);
      return null;
    });
  }

  async #open(): Promise<VmSession> {
    const { VmSession: Session } = await loadSession();
    const facts = ownedFacts(this.#options, this.#role);
    const { sessions } = resolveDirectories();
    const { saveSnapshot = null, keepOverlays = null } = this.#role;
    const session = await Session.open(sessions, facts, saveSnapshot, keepOverlays);
    this.#id = session.facts.id;
    return session;
  }

  /** The VM is ready for commands of others. */
  async attach(vm: SessionVm): Promise<void> {
    this.#session = (await this.#opening) ?? null;
    this.#session?.attach(vm);
  }

  /** Shows a command of the VM's owner to other commands. Returns it with the streams that the owner is to use. */
  showMain(process: SessionProcess, hasTerminal: boolean): SessionProcess {
    return this.#session?.showMain(process, hasTerminal) ?? process;
  }

  /** A directory that is private to this user and removed with the VM; null for a VM that others cannot reach. */
  async directory(): Promise<string | null> {
    return (await this.#opening)?.directory ?? null;
  }

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }
}
