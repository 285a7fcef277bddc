/** A value of a file to be written. */
export type YamlValue = string | number | boolean | null | readonly YamlValue[] | YamlMap;

/** One key of a map. Comments stand above it; they may contain anything. */
export interface YamlEntry {
  readonly key: string;
  readonly value: YamlValue;
  readonly comment?: readonly string[];
}

/** A map that is written in the order of its entries. `end` are comment lines below it. */
export interface YamlMap {
  readonly entries: readonly YamlEntry[];
  readonly end?: readonly string[];
}

/** Text that YAML reads as the same text without quotes: it starts like a word or path and has no `: ` or ` #`. */
const PLAIN_TEXT =
  /^(?:[A-Za-z_/$]|\.{1,2}(?=[/:]))(?:[A-Za-z0-9_./$@=+{}()&|;,*%<>-]|:(?=\S)| (?=[^\s#]))*$/;
/** The same inside brackets, where more characters mean something. */
const FLOW_TEXT = /^[A-Za-z_/][A-Za-z0-9_./-]*$/;
const MAX_FLOW_LENGTH = 80;
/** A size is no number, although it starts like one. */
const SIZE = /^[0-9]{1,9}[KMGT]iB$/;
/** Longer text is quoted: a pattern with a million repetitions exhausts the stack. */
const MAX_PLAIN_LENGTH = 1000;
const OTHER_TYPE = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
// Lone surrogates are escaped by JSON.stringify already.
const NEEDS_ESCAPE =
  /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g;
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu;

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    NEEDS_ESCAPE,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function scalarText(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const isPlain =
    SIZE.test(value) ||
    (value.length <= MAX_PLAIN_LENGTH && PLAIN_TEXT.test(value) && !OTHER_TYPE.test(value));
  return isPlain ? value : quoted(value);
}

/** Returns a list of scalars on one line; null for one that is too long, or has something else in it. */
function flowText(list: readonly YamlValue[]): string | null {
  if (!list.every((item) => typeof item === 'string' || typeof item === 'number')) return null;
  const items = list.map((item) => {
    const text = String(item);
    const isPlain =
      typeof item === 'number' ||
      (text.length <= MAX_FLOW_LENGTH && FLOW_TEXT.test(text) && !OTHER_TYPE.test(text));
    return isPlain ? text : quoted(text);
  });
  const text = `[${items.join(', ')}]`;
  return text.length > MAX_FLOW_LENGTH ? null : text;
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function isMap(value: YamlValue): value is YamlMap {
  return typeof value === 'object' && value !== null && 'entries' in value && !isList(value);
}

function commentLines(comment: readonly string[] | undefined, indent: string): string[] {
  return (comment ?? []).map((line) => {
    const text = line.replaceAll(UNPRINTABLE, ' ').trimEnd();
    return text === '' ? '' : `${indent}# ${text}`;
  });
}

function entryLines({ key, value, comment }: YamlEntry, indent: string): string[] {
  const name = scalarText(key);
  const above = commentLines(comment, indent);
  if (!isList(value) && !isMap(value)) {
    const text = scalarText(value);
    return [...above, `${indent}${name}:${text === '' ? '' : ` ${text}`}`];
  }
  const flow = isList(value) ? flowText(value) : null;
  if (flow !== null) return [...above, `${indent}${name}: ${flow}`];
  if (isMap(value) && value.entries.length === 0) {
    return [...above, `${indent}${name}: {}`, ...commentLines(value.end, `${indent}  `)];
  }
  return [...above, `${indent}${name}:`, ...valueLines(value, `${indent}  `)];
}

function itemLines(item: YamlValue, indent: string): string[] {
  if (!isMap(item)) {
    if (!isList(item)) return [`${indent}- ${scalarText(item)}`];
    return [`${indent}- [${item.map((one) => quoted(String(one))).join(', ')}]`];
  }
  const [first, ...rest] = item.entries;
  if (first === undefined) return [`${indent}- {}`];
  const { comment, ...plain } = first;
  const lines = [plain, ...rest].flatMap((entry) => entryLines(entry, `${indent}  `));
  const [head = '', ...tail] = lines;
  return [...commentLines(comment, indent), `${indent}- ${head.trimStart()}`, ...tail];
}

function valueLines(value: readonly YamlValue[] | YamlMap, indent: string): string[] {
  if (isList(value)) return value.flatMap((item) => itemLines(item, indent));
  return [
    ...value.entries.flatMap((entry) => entryLines(entry, indent)),
    ...commentLines(value.end, indent),
  ];
}

/**
 * Writes a map as YAML with its comments. What a text contains stays text: it is quoted and escaped where YAML would read
 * something else. Variables are not touched: see `literalText`.
 */
export function writeYaml(map: YamlMap): string {
  return `${valueLines(map, '').join('\n')}\n`;
}

/** Returns text that gondolin reads as exactly `text`, without substituting variables in it, whatever follows. */
export function literalText(text: string): string {
  return text.replaceAll(/\$(?=[{$]|$)/g, '$$$$');
}

/** Returns a map of the entries that have a value. */
export function yamlMap(
  entries: readonly (readonly [key: string, value: YamlValue | undefined])[],
): YamlMap {
  return {
    entries: entries.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }])),
  };
}
