import { formatPlace } from '../address/format-place.ts';
import { isLoopback, type PortMapping } from '../address/parse-port-mapping.ts';
import type { ExposedPort } from '../ingress/port-forward.ts';
import type { VM } from '../vm/vm.ts';

type ServingVm = Pick<VM, 'connect' | 'adoptPorts'>;

/**
 * The ports of a sandbox on this machine. They are opened before its VM starts, so that one that is in use is reported at once and
 * nobody takes it meanwhile. Until `serve` a connection is reset, as where nothing listens in the guest.
 */
export class SandboxPorts {
  #vm: ServingVm | null = null;
  readonly #opened: ExposedPort[] = [];

  private constructor() {}

  /** @throws {GondolinError} INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED; none is open then. */
  static async open(
    ports: readonly PortMapping[],
    onWarning: (message: string) => void,
  ): Promise<SandboxPorts> {
    const sandbox = new SandboxPorts();
    if (ports.length > 0) await sandbox.#open(ports);
    for (const place of sandbox.#opened.filter(({ host }) => !isLoopback(host))) {
      onWarning(`port ${formatPlace(place)} can be reached by other machines`);
    }
    return sandbox;
  }

  async #open(ports: readonly PortMapping[]): Promise<void> {
    const { forwardPort } = await import('../ingress/port-forward.ts');
    const { guestConnect } = await import('../vm/ports/guest-connect.ts');
    const toVm = guestConnect((port, options) => this.#vm?.connect(port, options) ?? null);
    try {
      for (const mapping of ports) {
        this.#opened.push(await forwardPort({ ...mapping, connect: toVm }));
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The ports, with the numbers that the free ones got. */
  get mappings(): readonly PortMapping[] {
    return this.#opened.map(({ host, port, guestPort }) => ({ host, port, guestPort }));
  }

  /** Leads the connections to a VM, which closes the ports when it ends. */
  async serve(vm: ServingVm): Promise<void> {
    this.#vm = vm;
    await vm.adoptPorts(this.#opened);
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((port) => port.close()));
  }
}
