import { BASE64_OFFSETS, base64Core } from './base64-core.ts';
import { PLACEHOLDER_LENGTH, PLACEHOLDER_PREFIX } from './placeholder.ts';

/** A name and the placeholder that stands for its value. */
export interface NamedPlaceholder {
  readonly name: string;
  readonly placeholder: string;
}

/** Each encoding a placeholder is looked for in: the whole, and the start that all placeholders share. */
interface Encoding {
  readonly encode: (text: string) => string;
}

const ENCODINGS: readonly Encoding[] = [
  { encode: (text) => text },
  ...BASE64_OFFSETS.map((offset) => ({
    encode: (text: string) => base64Core(Buffer.from(text, 'latin1'), offset).text,
  })),
  { encode: (text) => Buffer.from(text, 'latin1').toString('hex') },
  { encode: (text) => Buffer.from(text, 'latin1').toString('hex').toUpperCase() },
];

interface Needle {
  readonly start: Buffer;
  readonly wholes: readonly { readonly name: string; readonly bytes: Buffer }[];
}

/** The longest form, hex: what a search across two chunks must remember of the first is one byte less. */
export const LONGEST_FORM_BYTES = 2 * PLACEHOLDER_LENGTH;

/** How often `%25…` is undone: as often as a proxy or a framework on the way might. */
const PERCENT_ROUNDS = 3;

/** One byte per character (latin1), as HTTP heads are. */
function decodePercent(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function startsAt(bytes: Buffer, at: number, whole: Buffer): boolean {
  const end = at + whole.length;
  return end <= bytes.length && bytes.compare(whole, 0, whole.length, at, end) === 0;
}

/** Finds the placeholders of one VM: as they are, in base64 (both alphabets, any alignment) and in hex. Immutable. */
export class PlaceholderIndex {
  readonly #entries: readonly NamedPlaceholder[];
  readonly #needles: readonly Needle[];

  constructor(entries: readonly NamedPlaceholder[]) {
    this.#entries = entries;
    this.#needles = ENCODINGS.flatMap(({ encode }) => {
      const wholes = entries.map(({ name, placeholder }) => ({
        name,
        bytes: Buffer.from(encode(placeholder), 'latin1'),
      }));
      const shared = { start: Buffer.from(encode(PLACEHOLDER_PREFIX), 'latin1'), wholes };
      // A long needle is found faster: up to two of them beat what all have in common.
      return wholes.length <= 2
        ? wholes.map((whole) => ({ start: whole.bytes, wholes: [whole] }))
        : [shared];
    });
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Name of a secret whose placeholder stands in `bytes` (untrusted), or null. About 1 ns per byte. */
  findInBytes(bytes: Buffer): string | null {
    if (this.isEmpty) return null;
    for (const { start, wholes } of this.#needles) {
      let at = bytes.indexOf(start);
      while (at >= 0) {
        const found = wholes.find((whole) => startsAt(bytes, at, whole.bytes));
        if (found !== undefined) return found.name;
        at = bytes.indexOf(start, at + 1);
      }
    }
    return null;
  }

  /**
   * Same for a header, a path or a name (untrusted, one byte per character): also in other capitals and percent-encoded,
   * up to three times over.
   */
  findInText(text: string): string | null {
    if (this.isEmpty) return null;
    let current = text;
    for (let round = 0; round <= PERCENT_ROUNDS; round += 1) {
      const lower = current.toLowerCase();
      const plain = this.#entries.find(({ placeholder }) =>
        lower.includes(placeholder.toLowerCase()),
      );
      const name = plain?.name ?? this.findInBytes(Buffer.from(current, 'latin1'));
      if (name !== null) return name;
      const decoded = decodePercent(current);
      if (decoded === current) return null;
      current = decoded;
    }
    return null;
  }
}
