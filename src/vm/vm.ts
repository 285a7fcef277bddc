import type { Duplex } from 'node:stream';
import type { GuestProcess } from '../agent/guest-process.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { hostTerminalType } from '../host/terminal-type.ts';
import type { SetUpImage } from '../image/guest-image.ts';
import type { IngressGateway, IngressOptions } from '../ingress/ingress-options.ts';
import type { ExposedPort } from '../ingress/port-forward.ts';
import type { IngressRoute } from '../ingress/routes/ingress-route.ts';
import type { SessionRole } from '../session/session-role.ts';
import type { SessionProcess } from '../session/session-vm.ts';
import type { SshGuest } from '../ssh/ssh-guest.ts';
import type { EnableSshOptions, SshAccess } from '../ssh/ssh-options.ts';
import { keepClock } from './clock-keeper.ts';
import { type ConnectOptions, connectTo } from './connect.ts';
import { debugLog } from './debug-log.ts';
import type { VMEvent } from './events/vm-event.ts';
import type { VMEvents } from './events/vm-events.ts';
import type { ExecOptions } from './exec/exec-options.ts';
import { ExecProcess } from './exec/exec-process.ts';
import { FirstExec } from './exec/first-exec.ts';
import type { RunningCommand } from './exec/running-command.ts';
import { FilesSession } from './files/files-session.ts';
import { GuestFileSystem } from './files/guest-file-system.ts';
import type { ForkOptions } from './fork/fork-options.ts';
import { GoNames } from './go-names.ts';
import { type Shell, toArgv } from './guest-command.ts';
import { createDockerfileBuilder } from './image-build/dockerfile-builder.ts';
import { LiveNetwork } from './live-network.ts';
import { type NormalVMOptions, normalizeOptions } from './normalize-options.ts';
import { type OpenedVm, openVm } from './open-vm.ts';
import type { PoolOptions } from './pool/pool-options.ts';
import { VMPool } from './pool/vm-pool.ts';
import type { ExposeOptions, VmPorts } from './ports/vm-ports.ts';
import type { SessionRegistration } from './session-registration.ts';
import { planShell, type ShellOptions } from './shell.ts';
import { type GuestSource, NEW_GUEST } from './start/guest-source.ts';
import type { RunningGuest } from './start/start.ts';
import { startCommand } from './start-command.ts';
import { HOST_TERMINAL } from './terminal/host-terminal.ts';
import { killFailed } from './vm-errors.ts';
import { VmLifetime } from './vm-lifetime.ts';
import { checkEnv, checkOptions, type VMOptions } from './vm-options.ts';
import { VmSaves } from './vm-saves.ts';
import { VmSsh } from './vm-ssh.ts';

/**
 * A running micro-VM.
 *
 * @example
 * const vm = await VM.create();
 * const result = await vm.exec('echo hello');
 * await vm.close();
 */
export class VM extends GoNames implements AsyncDisposable {
  /** Time from the call of `create` until the VM was ready for commands, without image building, in milliseconds. */
  readonly bootMs: number;
  /** Output of `uname -r` in the guest. Untrusted text of the guest. */
  readonly kernelRelease: string;
  /** Resolves when the VM has ended: with the reason, or undefined after `close()`. Never rejects. */
  readonly ended: Promise<GondolinError | undefined>;
  /** The network policy in force, and its updates. */
  readonly network: LiveNetwork;
  readonly #guest: RunningGuest;
  readonly #options: NormalVMOptions;
  readonly #lifetime: VmLifetime;
  readonly #release: () => Promise<void>;
  readonly #registration: SessionRegistration;
  readonly #hasWritableMounts: boolean;
  readonly #files = new Map<string, GuestFileSystem>();
  readonly #ssh: VmSsh;
  readonly #events: VMEvents;
  readonly #stopClock: () => void;
  readonly #saves: VmSaves;
  /** The shell of commands that are strings. */
  readonly #shell: Shell;
  #execCount = 0;
  readonly #firstExec = new FirstExec();
  /** Opened with the first port or route. */
  #ports: VmPorts | null = null;

  private constructor({ guest, options, shell, bootMs, events, registration, release }: OpenedVm) {
    super();
    this.#registration = registration;
    this.#guest = guest;
    this.#ssh = new VmSsh({
      user: options.user ?? '',
      guestAs: (user) => this.#sshGuest(user),
      privateDirectory: () => registration.directory(),
    });
    this.#events = events;
    events.attach({ fuse: guest.fuse, mask: (text) => guest.network?.mask(text) ?? text });
    this.#options = options;
    this.#shell = shell;
    this.#release = release;
    this.bootMs = bootMs;
    this.kernelRelease = guest.kernelRelease;
    this.network = new LiveNetwork(guest.network);
    const { mounts = {}, disks = {} } = options.vfs ?? {};
    this.#hasWritableMounts =
      Object.keys(disks).length > 0 ||
      Object.values(mounts).some((provider) => !provider.isReadonly);
    this.#saves = new VmSaves(guest, options);
    this.#stopClock = keepClock(guest.agent, () => this.#saves.isSaving);
    this.#lifetime = new VmLifetime(guest, (reason) => this.#end(reason));
    this.ended = this.#lifetime.ended;
  }

  /**
   * Builds the image when it is not in the cache, then starts the VM: restores or boots it, and mounts its volumes. The VM is
   * ready for commands when the promise resolves.
   * @throws {GondolinError} VM_BAD_OPTION, VM_BOOT_TIMEOUT, VM_START_ABORTED, IMAGE_…, HOST_…, MACHINE_…, AGENT_….
   */
  static create(options: VMOptions = {}): Promise<VM> {
    return VM.createInRole(options, {});
  }

  /**
   * Keeps machines that are started and wait, for VMs on demand: `pool.acquire()`. Returns at once; `pool.ready()` waits for them.
   * @throws {GondolinError} VM_BAD_OPTION; VM_NO_MEMORY when the host has no memory for `size` of them.
   */
  static pool(options: PoolOptions): VMPool {
    return new VMPool(options, (own, source) => VM.createInRole(own, {}, source));
  }

  /** @internal Like `create`, for a VM of a project, which other commands list under it. */
  static async createInRole(
    given: VMOptions,
    role: SessionRole,
    source: GuestSource = NEW_GUEST,
  ): Promise<VM> {
    const dockerfileBuilder = createDockerfileBuilder((own) => VM.create(own));
    const options = { ...normalizeOptions(given), setUp: setUpInOwnVm, dockerfileBuilder };
    checkOptions(options);
    const log = debugLog(options);
    try {
      const opened = await openVm({ options, role, log, source });
      return await VM.#attach(opened);
    } catch (error) {
      if (options.signal?.aborted !== true) throw error;
      throw new GondolinError('VM_START_ABORTED', 'start of the VM was cancelled', {
        cause: error,
      });
    }
  }

  static async #attach(opened: OpenedVm): Promise<VM> {
    try {
      const vm = new VM(opened);
      await opened.registration.attach(vm);
      return vm;
    } catch (error) {
      await opened.release();
      throw error;
    }
  }

  /**
   * Runs a command. A string goes through `/bin/sh -lc`, of an OCI image `/bin/sh -c`; an array runs without a shell.
   * Await the result, or stream (docs/sdk.md). Errors reject the returned promise, except VM_BAD_OPTION, which is thrown.
   */
  exec(command: string | readonly string[], options: ExecOptions = {}): ExecProcess {
    const argv = toArgv(command, this.#shell);
    if (argv.length === 0)
      throw new GondolinError('VM_BAD_OPTION', 'command: got an empty array, want a program');
    checkEnv(options.env ?? {});
    return new ExecProcess(
      () => {
        const started = this.#start(argv, options);
        this.#firstExec.set(started);
        return this.#events.exec(command, started);
      },
      options,
      (error) => this.#lifetime.explain(error),
      (cause) => {
        // A guest that is frozen for a save ends the processes afterwards.
        if (!this.#saves.isSaving) this.#lifetime.fail(killFailed(cause));
      },
    );
  }

  /** @internal Resolves once the command has ended that the VM's owner starts at once; when there is none, soon. Never rejects. */
  firstExecEnded(): Promise<void> {
    return this.#firstExec.ended();
  }

  /** @internal Like `exec`, for what the owner's command runs: `gondolin attach` and similar commands show it as the main command. */
  execMain(argv: readonly string[], options: ExecOptions): SessionProcess {
    return this.#registration.showMain(this.exec(argv, options), options.pty === true);
  }

  /**
   * Starts an interactive shell on a terminal of the guest. With `attach: false`, `write()` to it and read its output;
   * else this process's terminal is connected to it. Await it for the end.
   */
  shell(options: ShellOptions = {}): ExecProcess {
    const plan = planShell(options, HOST_TERMINAL, hostTerminalType());
    const shell = this.exec(plan.command, plan.options);
    if (plan.isAttached) shell.attach();
    return shell;
  }

  /**
   * Connects to a TCP server in the guest, on any of its addresses. The stream's halves end independently, and it is
   * destroyed with MUX_STREAM_RESET when the server resets the connection.
   * @throws {GondolinError} VM_CONNECT_REFUSED when nothing listens; VM_CONNECT_TIMEOUT, VM_CONNECT_UNREACHABLE,
   *   VM_CONNECT_ABORTED, VM_BAD_OPTION, VM_NOT_RUNNING.
   */
  async connect(port: number, options: ConnectOptions = {}): Promise<Duplex> {
    this.#lifetime.assertRunning();
    try {
      return await connectTo(this.#guest.agent, port, options);
    } catch (error) {
      throw await this.#lifetime.explain(error);
    }
  }

  async #start(argv: string[], options: ExecOptions): Promise<RunningCommand> {
    this.#lifetime.assertRunning();
    this.#execCount += 1;
    return startCommand(this.#guest, this.#options, argv, options);
  }

  /**
   * Opens an SSH server on this machine's loopback whose sessions run in the guest: commands, shells, SFTP, forwarded ports. The
   * image needs no sshd. Each call with options opens another one, without options the same one until it is closed.
   * @throws {GondolinError} VM_BAD_OPTION, SSH_LISTEN_FAILED, VM_NOT_RUNNING.
   */
  async enableSsh(options: EnableSshOptions = {}): Promise<SshAccess> {
    this.#lifetime.assertRunning();
    return this.#ssh.enable(options);
  }

  /** The same as `enableSsh()`. */
  ssh(): Promise<SshAccess> {
    return this.enableSsh();
  }

  #sshGuest(user: string): SshGuest {
    return {
      exec: (argv, options) => this.exec(argv, { ...options, user }),
      files: this.filesAs(user),
      connect: (port, host) => this.connect(port, host === null ? {} : { host }),
    };
  }

  /** The guest's files, as the VM's `user`. Started with the first use; works while commands run. */
  get fs(): GuestFileSystem {
    return this.filesAs(this.#options.user ?? '');
  }

  /**
   * The guest's files as another user: `UID[:GID]` or `NAME[:GROUP]`; `''` is root. Each user has a process of its own in the
   * guest, from the first use until the VM is closed.
   */
  filesAs(user: string): GuestFileSystem {
    let files = this.#files.get(user);
    if (files === undefined) {
      const start = (name: string) => this.#startFiles(name);
      const explain = (error: unknown) => this.#lifetime.explain(error);
      files = new GuestFileSystem(new FilesSession({ start, explain }, user), this.#options.cwd);
      this.#files.set(user, files);
    }
    return files;
  }

  async #startFiles(user: string): Promise<GuestProcess> {
    this.#lifetime.assertRunning();
    return this.#guest.agent.startFiles(user);
  }

  /**
   * Makes a server in the guest reachable on this machine, until the VM or the port is closed.
   * @throws {GondolinError} VM_BAD_OPTION, VM_NOT_RUNNING, INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED.
   */
  async expose(guestPort: number, options: ExposeOptions = {}): Promise<ExposedPort> {
    return (await this.#openPorts()).expose(guestPort, options);
  }

  /** @internal Takes over ports that lead to this VM: they are listed, and closed with it. */
  async adoptPorts(ports: readonly ExposedPort[]): Promise<void> {
    if (ports.length === 0) return;
    const own = await this.#openPorts();
    for (const port of ports) await own.adopt(port);
  }

  /** The ports of `expose` that are open, and those of a sandbox. */
  get exposedPorts(): readonly ExposedPort[] {
    return this.#ports?.exposed ?? [];
  }

  /**
   * Opens an HTTP gateway on this machine to the servers in the guest, by the routes in its `/etc/gondolin/listeners`. A VM has one;
   * without options the one that is open is returned.
   * @throws {GondolinError} VM_BAD_OPTION, VM_NOT_RUNNING, INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED.
   */
  async enableIngress(options: IngressOptions = {}): Promise<IngressGateway> {
    return (await this.#openPorts()).enableIngress(options);
  }

  /** Returns the routes in the guest's `/etc/gondolin/listeners`. @throws {GondolinError} INGRESS_ROUTES_INVALID, VM_NOT_RUNNING. */
  async getIngressRoutes(): Promise<readonly Required<IngressRoute>[]> {
    return (await this.#openPorts()).routes();
  }

  /**
   * Writes `/etc/gondolin/listeners` in the guest. Requests that arrive after the call use the new routes.
   * @throws {GondolinError} INGRESS_ROUTES_INVALID, VM_NOT_RUNNING.
   */
  async setIngressRoutes(routes: readonly IngressRoute[]): Promise<void> {
    await (await this.#openPorts()).setRoutes(routes);
  }

  async #openPorts(): Promise<VmPorts> {
    const { VmPorts } = await import('./ports/vm-ports.ts');
    this.#lifetime.assertRunning();
    const log = debugLog(this.#options);
    this.#ports ??= new VmPorts({
      connect: (port, options) => this.connect(port, options),
      files: this.filesAs(''),
      log: (message) => log('ingress', message),
    });
    return this.#ports;
  }

  /**
   * Saves the VM, memory and mounts, into an existing, empty directory, for `VM.create({from: directory})`. Its commands are
   * paused meanwhile and resumed afterwards.
   * @param directory  Absolute host path.
   * @throws {GondolinError} VM_NOT_RUNNING, MACHINE_STATE_FAILED (also for a full disk), SNAPSHOT_UNSUPPORTED.
   */
  async save(directory: string): Promise<void> {
    this.#lifetime.assertRunning();
    try {
      await this.#saves.save(directory);
    } catch (error) {
      throw await this.#lifetime.explain(error);
    }
  }

  /**
   * Copies the running VM: `count` machines of their own that continue its processes from this moment. The VM itself continues too.
   * Connections of a copy are reset; what its network allows is what is in force now.
   * @throws {GondolinError} VM_BAD_OPTION, VM_NO_MEMORY; as `save` and `create`. Then no copy is left.
   */
  async fork(count: number, options: ForkOptions = {}): Promise<VM[]> {
    this.#lifetime.assertRunning();
    const { forkVm } = await import('./fork/fork.ts');
    const save = (directory: string) => this.save(directory);
    const { network } = this.#guest;
    return forkVm({ options: this.#options, network, save, create: VM.create }, count, options);
  }

  /**
   * Yields what happens in the VM from now on, until it ends or the loop is left: requests, operations on files of mounts, commands. A
   * consumer that falls 1,000 events behind gets `{type: 'dropped', count}` instead of those that it missed.
   */
  events(): AsyncIterableIterator<VMEvent, undefined> {
    return this.#events.subscribe();
  }

  /** Names the VM among those of this user, as `gondolin list` shows it: 12 hex digits. */
  get id(): string {
    return this.#registration.id;
  }

  /** Does nothing: `create` has started the VM. For programs written for the Go API. @throws {GondolinError} VM_NOT_RUNNING */
  async start(): Promise<void> {
    this.#lifetime.assertRunning();
  }

  /** @internal Commands that were started so far, for `gondolin stats`. */
  get execCount(): number {
    return this.#execCount;
  }

  /** Process id of QEMU on the host. */
  get qemuPid(): number {
    return this.#guest.machine.pid;
  }

  /**
   * Ends the VM: the guest first flushes its read-write mounts, then QEMU ends and the image is released. Running commands reject with VM_NOT_RUNNING. May be called twice; never throws.
   */
  close(): Promise<void> {
    return this.#lifetime.close(this.#hasWritableMounts);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(reason: GondolinError): Promise<void> {
    const { session, machine, fuse } = this.#guest;
    this.#stopClock();
    await this.#ssh.close();
    await this.#ports?.close();
    session.fail(reason);
    await machine.kill();
    await fuse?.close();
    await this.#release();
    this.#events.close();
  }
}

/** Runs the setup of an image in a VM of its own; its code is loaded only for one. */
const setUpInOwnVm: SetUpImage = async (base, work) => {
  const { setUpImage } = await import('./image-setup/set-up-image.ts');
  return setUpImage((options) => VM.create(options), base, work);
};
