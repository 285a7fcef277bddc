import type { NetworkEvent } from '../net/audit/network-event.ts';
import type { HttpHooks } from '../net/hooks/create-http-hooks.ts';
import { isHttpHooks } from '../net/hooks/http-hooks.ts';
import { Consumable } from './consumable.ts';
import { invalidArgument } from './errors.ts';
import type { SandboxNetwork, SandboxNetworkSource } from './fetch/sandbox-network.ts';
import { HostFunctions } from './host-functions.ts';
import { ProtoJSSandbox } from './proto-sandbox.ts';
import { checkSandboxSize, DEFAULT_SIZES, type SandboxSizes } from './sizes.ts';

/**
 * Receives what handlers print, a line at a time.
 *
 * @example
 * const print: HostPrintFunction = (text) => process.stderr.write(`${text}\n`);
 */
export type HostPrintFunction = (text: string, isError: boolean) => void;

/**
 * Options of `SandboxBuilder.setNetwork`.
 *
 * @example
 * const options: SandboxNetworkOptions = { onNetworkEvent: (event) => console.log(event.kind) };
 */
export interface SandboxNetworkOptions {
  /** Receives each request, response and refusal, as `VM.create`'s. */
  readonly onNetworkEvent?: (event: NetworkEvent) => void;
}

/**
 * Makes a sandbox: a micro-VM of its own that runs JavaScript handlers. Sizes are floors: a sandbox has at least them.
 *
 * @example
 * const builder = new SandboxBuilder().setHeapSize(8 * 1024 * 1024);
 * const proto = await builder.build();
 */
export class SandboxBuilder {
  readonly #sizes: SandboxSizes = { ...DEFAULT_SIZES };
  readonly #use = new Consumable('the builder');
  #print: HostPrintFunction = printLine;
  #network: SandboxNetworkSource | null = null;

  /**
   * The heap of handlers, in bytes. A sandbox that needs more aborts.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setHeapSize(bytes: number): this {
    return this.#setSize('heap', bytes);
  }

  /**
   * The stack of handlers, in bytes.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setStackSize(bytes: number): this {
    return this.#setSize('stack', bytes);
  }

  /**
   * Memory of the machine beside heap, stack and buffers, in bytes: for what snapshots do not share.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setScratchSize(bytes: number): this {
    return this.#setSize('scratch', bytes);
  }

  /**
   * The longest event, in bytes of JSON.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setInputBufferSize(bytes: number): this {
    return this.#setSize('inputBuffer', bytes);
  }

  /**
   * The longest result, in bytes of JSON.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setOutputBufferSize(bytes: number): this {
    return this.#setSize('outputBuffer', bytes);
  }

  /**
   * Receives what handlers print. @default the standard output and error of this process
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setHostPrintFn(print: HostPrintFunction): this {
    if (typeof print !== 'function') throw invalidArgument('print function: want a function');
    this.#use.check();
    this.#print = print;
    return this;
  }

  /**
   * Gives handlers a `fetch`, whose requests this process makes by the policy of `createHttpHooks`. Placeholders of its secrets are in
   * `gondolin:env`. @default no `fetch`
   * @param network  What `createHttpHooks` returned, or its `httpHooks`.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  setNetwork(
    network: { readonly httpHooks: HttpHooks } | HttpHooks,
    options: SandboxNetworkOptions = {},
  ): this {
    const httpHooks = 'httpHooks' in Object(network) ? Reflect.get(network, 'httpHooks') : network;
    if (!isHttpHooks(httpHooks)) throw invalidArgument('network: want what createHttpHooks() gave');
    const { onNetworkEvent } = options;
    if (onNetworkEvent !== undefined && typeof onNetworkEvent !== 'function') {
      throw invalidArgument('onNetworkEvent: want a function');
    }
    this.#use.check();
    this.#network = { httpHooks: httpHooks as HttpHooks, onNetworkEvent };
    return this;
  }

  /**
   * Makes a sandbox without a runtime, and consumes the builder.
   * @throws {GondolinError} ERR_CONSUMED; NET_PATTERN_INVALID, NET_SECRET_INVALID or NET_CA_INVALID for the network.
   */
  async build(): Promise<ProtoJSSandbox> {
    this.#use.consume();
    const { openMachine } = await import('./engine/machine.ts');
    const network = this.#network === null ? null : await openNetwork(this.#network);
    return new ProtoJSSandbox({
      sizes: this.#sizes,
      host: new HostFunctions(),
      network,
      print: this.#print,
      open: openMachine,
    });
  }

  #setSize(name: keyof SandboxSizes, bytes: number): this {
    const size = checkSandboxSize(name, bytes);
    this.#use.check();
    this.#sizes[name] = size;
    return this;
  }
}

async function openNetwork(source: SandboxNetworkSource): Promise<SandboxNetwork> {
  const { SandboxNetwork: Opened } = await import('./fetch/sandbox-network.ts');
  return new Opened(source);
}

function printLine(text: string, isError: boolean): void {
  (isError ? process.stderr : process.stdout).write(`${text}\n`);
}
