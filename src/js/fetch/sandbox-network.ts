import { resolveDirectories } from '../../host/directories.ts';
import type { NetworkEvent } from '../../net/audit/network-event.ts';
import { createSecretMask, maskEvent } from '../../net/audit/secret-mask.ts';
import type { HttpHooks } from '../../net/hooks/create-http-hooks.ts';
import type { GuestRequest } from '../../net/http/guest-request.ts';
import type { Target } from '../../net/http/request-context.ts';
import { Network } from '../../net/network.ts';
import type { SandboxSizes } from '../sizes.ts';
import { Fetches, type RequestNetwork } from './fetches.ts';

/** Connections to servers are kept for so long after a call: they would keep Node running. */
const IDLE_MS = 500;

export interface SandboxNetworkSource {
  readonly httpHooks: HttpHooks;
  readonly onNetworkEvent: ((event: NetworkEvent) => void) | undefined;
}

/** The network of the sandboxes of one build: the one of a VM, with requests instead of connections. */
export class SandboxNetwork implements RequestNetwork {
  readonly #network: Network;
  #retiring: NodeJS.Timeout | undefined;

  /** @throws {GondolinError} NET_PATTERN_INVALID, NET_SECRET_INVALID or NET_CA_INVALID naming the entry. */
  constructor({ httpHooks, onNetworkEvent }: SandboxNetworkSource) {
    const caDirectory = resolveDirectories().authority;
    this.#network = new Network({ ...httpHooks.network, caDirectory });
    if (onNetworkEvent === undefined) return;
    const mask = createSecretMask(this.#network.knownValues);
    this.#network.on('event', (event) => onNetworkEvent(maskEvent(event, mask)));
  }

  /** Placeholders of secrets by the names of their variables. */
  get placeholders(): Readonly<Record<string, string>> {
    return this.#network.placeholders;
  }

  /** Returns what `fetch` of one engine calls. */
  openFetches({ inputBuffer, outputBuffer }: SandboxSizes): Fetches {
    return new Fetches(this, { requestBytes: outputBuffer, responseBytes: inputBuffer });
  }

  request(guest: GuestRequest, target: Target): void {
    clearTimeout(this.#retiring);
    this.#network.request(guest, target);
  }

  /** Call when no request is in progress. */
  rest(): void {
    clearTimeout(this.#retiring);
    this.#retiring = setTimeout(() => void this.#network.retire(), IDLE_MS).unref();
  }

  close(): Promise<void> {
    clearTimeout(this.#retiring);
    return this.#network.close();
  }
}
