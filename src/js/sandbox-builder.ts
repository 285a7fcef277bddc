import { Consumable } from './consumable.ts';
import { invalidArgument } from './errors.ts';
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
   * Makes a sandbox without a runtime, and consumes the builder.
   * @throws {GondolinError} ERR_CONSUMED
   */
  async build(): Promise<ProtoJSSandbox> {
    this.#use.consume();
    const { openMachine } = await import('./engine/machine.ts');
    return new ProtoJSSandbox({
      sizes: this.#sizes,
      host: new HostFunctions(),
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

function printLine(text: string, isError: boolean): void {
  (isError ? process.stderr : process.stdout).write(`${text}\n`);
}
