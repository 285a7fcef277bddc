import { LOOPBACK } from '../../address/parse-port-mapping.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestConnect } from '../../ingress/guest-connect.ts';
import { openGateway } from '../../ingress/http/open-gateway.ts';
import type { IngressGateway, IngressOptions } from '../../ingress/ingress-options.ts';
import { type ExposedPort, forwardPort } from '../../ingress/port-forward.ts';
import type { IngressRoute, Route } from '../../ingress/routes/ingress-route.ts';
import { formatListeners } from '../../ingress/routes/listeners-text.ts';
import { RouteTable } from '../../ingress/routes/route-table.ts';
import type { GuestFileSystem } from '../files/guest-file-system.ts';
import {
  checkGuestPort,
  checkHost,
  checkHostPort,
  checkIngressOptions,
} from './check-port-options.ts';
import { guestConnect, type VmConnect } from './guest-connect.ts';
import { guestListeners } from './guest-listeners.ts';

/**
 * Options of `vm.expose`.
 *
 * @example
 * const options: ExposeOptions = { port: 8080 };
 * const { url } = await vm.expose(80, options);
 */
export interface ExposeOptions {
  /** IP address of this machine to listen on. One that is not loopback lets other machines connect. @default '127.0.0.1' */
  readonly host?: string;
  /** Port of this machine; 0 takes a free one. @default 0 */
  readonly port?: number;
}

/** The parts of a VM that its ports use. */
export interface PortGuest {
  readonly connect: VmConnect;
  /** The guest's files as root sees them. */
  readonly files: GuestFileSystem;
  readonly log: (message: string) => void;
}

/** Everything on this machine that leads to the servers of one VM. */
export class VmPorts {
  readonly #connect: GuestConnect;
  readonly #routes: RouteTable;
  readonly #log: (message: string) => void;
  readonly #exposed = new Set<ExposedPort>();
  #gateway: Promise<IngressGateway> | null = null;
  #isClosed = false;

  constructor({ connect, files, log }: PortGuest) {
    this.#connect = guestConnect(connect);
    this.#routes = new RouteTable(guestListeners(files));
    this.#log = log;
  }

  /** @throws {GondolinError} VM_BAD_OPTION, INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED. */
  async expose(guestPort: number, options: ExposeOptions = {}): Promise<ExposedPort> {
    checkGuestPort('guestPort', guestPort);
    const host = checkHost('host', options.host ?? LOOPBACK);
    const { port = 0 } = options;
    checkHostPort('port', port);
    const forward = await forwardPort({ host, port, guestPort, connect: this.#connect });
    return this.adopt(forward);
  }

  /** Takes over a port that leads here: it is listed, and closed with the VM. @throws {GondolinError} VM_NOT_RUNNING */
  async adopt(forward: ExposedPort): Promise<ExposedPort> {
    const exposed: ExposedPort = {
      ...forward,
      close: () => {
        this.#exposed.delete(exposed);
        return forward.close();
      },
    };
    await this.#keep(exposed);
    this.#exposed.add(exposed);
    return exposed;
  }

  /** Closes what was opened while the VM ended. */
  async #keep(opened: { close(): Promise<void> }): Promise<void> {
    if (!this.#isClosed) return;
    await opened.close();
    throw new GondolinError('VM_NOT_RUNNING', 'VM is not running');
  }

  /** @throws {GondolinError} VM_BAD_OPTION, INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED. */
  enableIngress(options: IngressOptions = {}): Promise<IngressGateway> {
    const checked = checkIngressOptions(options);
    if (this.#gateway === null) return this.#openGateway(checked);
    if (Object.keys(checked).length === 0) return this.#gateway;
    const message = 'enableIngress: a gateway with other options is open; close it first';
    throw new GondolinError('VM_BAD_OPTION', message);
  }

  #openGateway(options: IngressOptions): Promise<IngressGateway> {
    const guest = { connect: this.#connect, routes: this.#routes, log: this.#log };
    const forget = () => {
      if (this.#gateway === opening) this.#gateway = null;
    };
    const opening = openGateway(options, guest).then(async (gateway) => {
      await this.#keep(gateway);
      const close = () => {
        forget();
        return gateway.close();
      };
      return { ...gateway, close };
    });
    this.#gateway = opening;
    opening.catch(forget);
    return opening;
  }

  /** @throws {GondolinError} INGRESS_ROUTES_INVALID; the error of the guest. */
  routes(): Promise<readonly Route[]> {
    return this.#routes.reload();
  }

  /** @throws {GondolinError} INGRESS_ROUTES_INVALID; the error of the guest. */
  async setRoutes(routes: readonly IngressRoute[]): Promise<void> {
    await this.#routes.write(formatListeners(routes));
  }

  /** The exposed ports that are open. */
  get exposed(): readonly ExposedPort[] {
    return [...this.#exposed];
  }

  /** Closes everything; may be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const gateway = await this.#gateway?.catch(() => undefined);
    await Promise.all([...this.#exposed, ...(gateway ? [gateway] : [])].map((one) => one.close()));
  }
}
