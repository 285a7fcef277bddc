import { OPCODE } from '../../src/protocol/fuse/fuse-abi.ts';
import { FuseRequestDecoder } from '../../src/protocol/fuse/fuse-request.ts';
import type { Results } from '../results.ts';

const NAMES = Object.fromEntries(Object.entries(OPCODE).map(([name, code]) => [code, name]));

/** Counts the requests that file servers of this process decode. The product itself keeps no count. */
export class RequestCount {
  readonly #byName = new Map<string, number>();

  constructor() {
    const decode = FuseRequestDecoder.prototype.next;
    const count = (opcode: number) => this.#count(NAMES[opcode] ?? String(opcode));
    FuseRequestDecoder.prototype.next = function next(this: FuseRequestDecoder) {
      const request = decode.call(this);
      if (request !== null) count(request.opcode);
      return request;
    };
  }

  #count(name: string): void {
    this.#byName.set(name, (this.#byName.get(name) ?? 0) + 1);
  }

  reset(): void {
    this.#byName.clear();
  }

  /** Adds the total to the results, and returns it for people. */
  count(results: Results, scenario: string): string {
    results.add(`${scenario}: requests`, 'requests', [this.total]);
    return this.total === 0 ? 'no request' : `${this.total} requests (${this.summary})`;
  }

  get total(): number {
    return [...this.#byName.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The most frequent ones, for people. */
  get summary(): string {
    const sorted = [...this.#byName].toSorted(([, one], [, other]) => other - one);
    return sorted
      .slice(0, 6)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  }
}
