import { type MapEntry, placeAt, type SourceNode, startPlace } from '../config/yaml/source-node.ts';
import type { SourcePlace } from '../errors/gondolin-error.ts';
import { printable } from '../protocol/printable.ts';

/** Something that a reader of the converted file has to know. */
export interface Remark {
  /** `left`: it is not in the converted file. `changed`: it is there in another form. */
  readonly kind: 'left' | 'changed';
  readonly at: SourcePlace;
  /** Key path, such as `services.web.build`, on one line. Never a value. */
  readonly key: string;
  readonly reason: string;
}

/** Most remarks of one file; the last one says that there are more. */
const MAX_REMARKS = 500;

/** Collects the remarks of one conversion. */
export class Remarks {
  readonly #list: Remark[] = [];
  #isFull = false;

  get list(): readonly Remark[] {
    return this.#list.toSorted((a, b) => a.at.line - b.at.line || a.at.col - b.at.col);
  }

  /** Notes that the value `node` of `key` is not carried over. */
  left(node: SourceNode, key: string, reason: string): void {
    this.#add({ kind: 'left', at: startPlace(node.span), key, reason });
  }

  /** Notes that a key is not carried over. */
  leftKey({ keySpan }: MapEntry, key: string, reason: string): void {
    this.#add({ kind: 'left', at: placeAt(keySpan.file, keySpan.start), key, reason });
  }

  /** Notes that the value `node` of `key` has another form. */
  changed(node: SourceNode, key: string, reason: string): void {
    this.#add({ kind: 'changed', at: startPlace(node.span), key, reason });
  }

  #add(remark: Remark): void {
    if (this.#isFull) return;
    this.#isFull = this.#list.length >= MAX_REMARKS;
    const reason = this.#isFull
      ? `more than ${MAX_REMARKS} remarks`
      : printable(remark.reason, 400);
    this.#list.push({ ...remark, key: printable(remark.key), reason });
  }
}
