import { PLACEHOLDER_LENGTH, PLACEHOLDER_PREFIX } from '../placeholder.ts';
import { BASE64_OFFSETS, base64Core } from '../search/base64-core.ts';
import { BytePattern } from '../search/byte-pattern.ts';
import { PatternSearch } from '../search/pattern-search.ts';
import { decodePercent } from '../search/percent-decode.ts';

/** The name of a secret and its placeholder. */
export interface NamedPlaceholder {
  readonly name: string;
  readonly placeholder: string;
}

type Encode = (text: string) => string;

/** Escapes in Markdown, URLs and JSON of `_`, the only character that is neither letter nor digit. */
const UNDERSCORES = ['_', '\\_', '%5F', '%5f', '\\u005f', '\\u005F'] as const;

/** Returns every form of a placeholder that is searched for. */
const FORMS: readonly Encode[] = [
  ...UNDERSCORES.map((written) => (text: string) => text.replaceAll('_', written)),
  ...BASE64_OFFSETS.map((offset) => (text: string) => {
    return base64Core(Buffer.from(text, 'latin1'), offset).text;
  }),
  (text) => Buffer.from(text, 'latin1').toString('hex'),
  (text) => Buffer.from(text, 'latin1').toString('hex').toUpperCase(),
];

/** Length of hex, the longest form: a search across two chunks remembers one byte less of the first. */
export const LONGEST_FORM_BYTES = 2 * PLACEHOLDER_LENGTH;

/** Rounds of percent-decoding: as many as proxies and frameworks on the way might do. */
const PERCENT_ROUNDS = 3;

/** The bit that distinguishes the cases of a letter. */
const CASE_BIT = 0x20;
/** The start of every placeholder in every textual form. */
const FOLDED_START = Buffer.from(
  PLACEHOLDER_PREFIX.slice(0, PLACEHOLDER_PREFIX.indexOf('_')).toLowerCase(),
);

/** Finds the placeholders of one VM: plain, escaped, in base64 (both alphabets, any alignment) and in hex. Immutable. */
export class PlaceholderIndex {
  readonly #entries: readonly NamedPlaceholder[];
  readonly #names = new Map<BytePattern, string>();
  readonly #search: PatternSearch;
  /** Textual forms, in lower case. */
  readonly #folded: readonly { readonly name: string; readonly text: string }[];

  constructor(entries: readonly NamedPlaceholder[]) {
    this.#entries = entries;
    for (const { name, placeholder } of entries) {
      for (const encode of FORMS) {
        const bytes = Buffer.from(encode(placeholder), 'latin1');
        this.#names.set(new BytePattern([[bytes]], () => bytes), name);
      }
    }
    this.#search = new PatternSearch([...this.#names.keys()]);
    this.#folded = entries.flatMap(({ name, placeholder }) =>
      UNDERSCORES.map((written) => ({
        name,
        text: placeholder.replaceAll('_', written).toLowerCase(),
      })),
    );
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Returns the name of a secret whose placeholder is in `bytes` (untrusted), or null. One pass. */
  findInBytes(bytes: Buffer): string | null {
    if (this.isEmpty) return null;
    const [first] = this.#search.matches(bytes);
    return first === undefined ? null : (this.#names.get(first.pattern) ?? null);
  }

  /**
   * Searches a header, a path or a name (untrusted, one byte per character) in the same way, and also in any letter case and
   * percent-encoded up to three times. Two passes, and three more for each round of percent-encoding.
   */
  findInText(text: string): string | null {
    if (this.isEmpty || text.length < PLACEHOLDER_LENGTH) return null;
    let bytes: Buffer | null = Buffer.from(text, 'latin1');
    for (let round = 0; round <= PERCENT_ROUNDS && bytes !== null; round += 1) {
      const name = this.#findFolded(bytes) ?? this.findInBytes(bytes);
      if (name !== null) return name;
      bytes = decodePercent(bytes);
    }
    return null;
  }

  #findFolded(bytes: Buffer): string | null {
    const first = FOLDED_START[0] ?? 0;
    const last = bytes.length - PLACEHOLDER_LENGTH;
    for (let at = 0; at <= last; at += 1) {
      if (((bytes[at] ?? 0) | CASE_BIT) !== first || !startsFolded(bytes, at)) continue;
      const shown = bytes.toString('latin1', at, at + LONGEST_FORM_BYTES).toLowerCase();
      const found = this.#folded.find((form) => shown.startsWith(form.text));
      if (found !== undefined) return found.name;
    }
    return null;
  }
}

function startsFolded(bytes: Buffer, at: number): boolean {
  return FOLDED_START.every((byte, index) => ((bytes[at + index] ?? 0) | CASE_BIT) === byte);
}
