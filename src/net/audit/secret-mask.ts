import type { NetworkEvent } from './network-event.ts';

/** A secret's name and value. */
export interface MaskedSecret {
  readonly name: string;
  readonly value: string;
}

/** Replaces every known value of a secret in a text. */
export type SecretMask = (text: string) => string;

/** Shorter values would match other text by chance. */
const MIN_LENGTH = 4;
/** From this length on, chance matches in base64 are out of the question. */
const MIN_ENCODED_LENGTH = 8;
/** Fields with values of a closed set, which contain no text of a guest or a server. */
const FIXED_KEYS: ReadonlySet<string> = new Set([
  'kind',
  'answer',
  'transport',
  'outcome',
  'reason',
  'place',
  'secret',
  'secrets',
  'recordType',
  'by',
  'check',
  'list',
]);

/** Returns the base64 digits that encode bits of `bytes` only, with `offset` bytes before them. */
function base64Core(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const start = Math.ceil((8 * offset) / 6);
  return text.slice(start, Math.floor((8 * (offset + bytes.length)) / 6));
}

/** Returns the forms of a value in a text: plain, in a URL, in JSON, in hex, in base64 at any alignment. */
function encodedForms(value: string): string[] {
  const bytes = Buffer.from(value);
  const plain = [
    value,
    // Lone surrogates have no encoding.
    encodeURIComponent(bytes.toString()),
    JSON.stringify(value).slice(1, -1),
    // A header is read with one character per byte.
    bytes.toString('latin1'),
  ];
  if (value.length < MIN_ENCODED_LENGTH) return plain;
  const encoded = [0, 1, 2].map((offset) => base64Core(bytes, offset));
  const urlSafe = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  return [...plain, bytes.toString('hex'), ...encoded, ...urlSafe];
}

const NOTHING: SecretMask = (text) => text;

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Decodes all percent-encoding, whichever characters the writer chose to encode. */
function decodePercent(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}

/**
 * Returns a mask that replaces each value by `[secret NAME]`: plain, percent-encoded, JSON-escaped, and in hex and base64 from
 * 8 characters on. If only decoding reveals a value, it replaces the whole text. Values under 4 characters are not masked.
 */
export function createSecretMask(secrets: readonly MaskedSecret[]): SecretMask {
  const names = new Map<string, string>();
  for (const { name, value } of secrets.filter((secret) => secret.value.length >= MIN_LENGTH)) {
    for (const form of encodedForms(value)) names.set(form, name);
  }
  if (names.size === 0) return NOTHING;
  // Longest first: a value that is part of another must not break it up.
  const forms = [...names.keys()].toSorted((a, b) => b.length - a.length);
  // Case-insensitive: percent-encoding has two cases, and host names are put into lower case.
  const pattern = new RegExp(forms.map((form) => `(${escapePattern(form)})`).join('|'), 'gi');
  const maskForms: SecretMask = (text) =>
    text.replace(pattern, (_found, ...groups: unknown[]) => {
      const form = forms[groups.findIndex((group) => group !== undefined)] ?? '';
      return `[secret ${names.get(form) ?? ''}]`;
    });
  return (text) => {
    const masked = maskForms(text);
    if (!/[%+]/.test(masked)) return masked;
    // HTML forms encode a space as +.
    const readings = [masked, masked.replaceAll('+', ' ')].map(decodePercent);
    const hidden = readings.find((one) => maskForms(one) !== one);
    return hidden === undefined ? masked : (/\[secret \w*\]/.exec(maskForms(hidden))?.[0] ?? '');
  };
}

function mapTexts(value: unknown, map: SecretMask): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, FIXED_KEYS.has(key) ? item : mapTexts(item, map)]),
  );
}

/**
 * Returns the event with every text of the guest or a server masked, before any listener gets it: a second line of defense
 * after the scrubbing of responses.
 */
export function maskEvent<Event extends NetworkEvent>(event: Event, mask: SecretMask): Event {
  // Every request has events: without this, 4 % of this process's time under load.
  return mask === NOTHING ? event : (mapTexts(event, mask) as Event);
}
