import { MAX_PORT_MAPPINGS, parsePortMapping } from '../address/parse-port-mapping.ts';
import type { SourceNode } from '../config/yaml/source-node.ts';
import type { Remarks } from './remark.ts';

/** The entries for `ports:` of one sandbox, none of which listens where another does. */
export class PortList {
  readonly #remarks: Remarks;
  readonly #taken = new Set<number>();
  #count = 0;
  readonly entries: string[] = [];

  constructor(remarks: Remarks) {
    this.#remarks = remarks;
  }

  /** Adds an entry such as `8080:80`, or notes why it is left out. */
  add(node: SourceNode, key: string, text: string): void {
    const { mappings, problem } = parsePortMapping(text);
    if (mappings === undefined) {
      this.#remarks.left(node, key, problem);
      return;
    }
    const isTaken = mappings.some(({ port }) => port !== 0 && this.#taken.has(port));
    if (isTaken || this.#count + mappings.length > MAX_PORT_MAPPINGS) {
      const reason = isTaken ? 'another entry listens on that port' : 'too many ports';
      this.#remarks.left(node, key, reason);
      return;
    }
    this.#count += mappings.length;
    for (const { port } of mappings) this.#taken.add(port);
    this.entries.push(text);
  }
}
