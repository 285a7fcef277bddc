import type { PatternElement } from './byte-pattern.ts';

/** Characters that encodings of URLs, JSON and HTML do not change. */
const STABLE = /[A-Za-z0-9_.-]/;

const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function percent(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '%$&');
}

function inBothCases(prefix: string, digits: string): string[] {
  return [prefix + digits.toLowerCase(), prefix + digits.toUpperCase()];
}

function percentForms(bytes: Buffer): string[] {
  const once = percent(bytes);
  const twice = once.replaceAll('%', '%25');
  return [once, once.toUpperCase(), twice, twice.toUpperCase()];
}

/** `\u00e9`, and the same in JSON within JSON. */
function jsonForms(character: string): string[] {
  const units = [...Array(character.length).keys()].map((index) =>
    character.charCodeAt(index).toString(16).padStart(4, '0'),
  );
  const short = character.length === 1 && character < '\u0100' ? units[0]?.slice(2) : undefined;
  const forms = ['\\', '\\\\'].flatMap((slash) => [
    units.map((unit) => `${slash}u${unit}`).join(''),
    units.map((unit) => `${slash}u${unit.toUpperCase()}`).join(''),
    ...(short === undefined ? [] : inBothCases(`${slash}x`, short)),
  ]);
  if (character === '\\') return [...forms, '\\\\', '\\\\\\\\'];
  if ('"\'/'.includes(character)) return [...forms, `\\${character}`, `\\\\\\${character}`];
  return forms;
}

function htmlForms(character: string): string[] {
  const point = character.codePointAt(0) ?? 0;
  const named = NAMED_ENTITIES[character];
  return [
    `&#${point};`,
    `&#0${point};`,
    ...inBothCases('&#x', point.toString(16)).map((text) => `${text};`),
    ...(named === undefined ? [] : [named]),
  ];
}

/** A UTF-8 header that a server read as latin1 and printed as UTF-8 or latin1. */
function mistakenForms(character: string): Buffer[] {
  if (character < '\u0080') return [];
  const asLatin1 = Buffer.from(character, 'utf8').toString('latin1');
  const narrow = character <= '\u00ff' ? [Buffer.from(character, 'latin1')] : [];
  const escaped = [...asLatin1].map((part) => jsonForms(part)[0] ?? '').join('');
  return [Buffer.from(asLatin1, 'utf8'), Buffer.from(escaped, 'latin1'), ...narrow];
}

/**
 * Returns the forms in which one character of a value may come back: plain, percent-encoded (once or twice), escaped in JSON
 * (once or twice), as an HTML entity. Letters, digits and `_.-` have one form.
 */
export function escapedForms(character: string): PatternElement {
  const raw = Buffer.from(character, 'utf8');
  if (STABLE.test(character)) return [raw];
  const texts = [
    ...percentForms(raw),
    ...jsonForms(character),
    ...htmlForms(character),
    ...(character === ' ' ? ['+'] : []),
  ];
  const forms = [
    raw,
    ...texts.map((text) => Buffer.from(text, 'latin1')),
    ...mistakenForms(character),
  ];
  return forms.filter((form, index) => forms.findIndex((other) => other.equals(form)) === index);
}
