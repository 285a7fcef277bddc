import type { NetworkEvent } from './network-event.ts';

/** A secret's name and value. */
export interface MaskedSecret {
  readonly name: string;
  readonly value: string;
}

/** Takes every known value of a secret out of a text. */
export type SecretMask = (text: string) => string;

/** Shorter values would be found by chance in any text. */
const MIN_LENGTH = 4;
/** From here on a chance hit in base64 is out of reach. */
const MIN_ENCODED_LENGTH = 8;
/** Texts of closed sets: nothing of the guest's or a server's is in them. */
const FIXED_KEYS: ReadonlySet<string> = new Set([
  ...['kind', 'transport', 'outcome', 'reason', 'place', 'secret', 'secrets', 'recordType'],
  ...['by', 'check', 'list'],
]);

/** The digits of base64 that hold bits of `bytes` alone, with `offset` bytes before them. */
function base64Core(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const start = Math.ceil((8 * offset) / 6);
  return text.slice(start, Math.floor((8 * (offset + bytes.length)) / 6));
}

/** How a value may stand in a text: itself, in a URL, in JSON, in hex, in base64 wherever it starts. */
function encodedForms(value: string): string[] {
  const bytes = Buffer.from(value);
  const plain = [
    value,
    // Lone surrogates have no encoding.
    encodeURIComponent(bytes.toString()),
    JSON.stringify(value).slice(1, -1),
    // A header is bytes, and read as one character each.
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

/** Percent-encoding of any characters taken away, however many a writer chose to encode. */
function decodePercent(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}

/**
 * A mask that puts `[secret NAME]` in the place of each value: plain, percent-encoded, JSON-escaped, and in hex and base64
 * when it has 8 characters or more; in the place of the whole text when only decoding shows it. Values under 4 characters
 * are left alone.
 */
export function createSecretMask(secrets: readonly MaskedSecret[]): SecretMask {
  const names = new Map<string, string>();
  for (const { name, value } of secrets.filter((secret) => secret.value.length >= MIN_LENGTH)) {
    for (const form of encodedForms(value)) names.set(form, name);
  }
  if (names.size === 0) return NOTHING;
  // The longest first: a value that is a part of another must not break it up.
  const forms = [...names.keys()].toSorted((a, b) => b.length - a.length);
  // Letter case is ignored: percent-encoding has two, and a host name is put into lower case.
  const pattern = new RegExp(forms.map((form) => `(${escapePattern(form)})`).join('|'), 'gi');
  const maskForms: SecretMask = (text) =>
    text.replace(pattern, (_found, ...groups: unknown[]) => {
      const form = forms[groups.findIndex((group) => group !== undefined)] ?? '';
      return `[secret ${names.get(form) ?? ''}]`;
    });
  return (text) => {
    const masked = maskForms(text);
    if (!/[%+]/.test(masked)) return masked;
    // Forms write a blank as +.
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
 * The event with each text of the guest's or a server's masked. `Network` sends every event through this before anybody
 * is told: a second line behind the scrubbing of answers.
 */
export function maskEvent<Event extends NetworkEvent>(event: Event, mask: SecretMask): Event {
  // With each request there are events: 4 % of this process's time under load, for nothing.
  return mask === NOTHING ? event : (mapTexts(event, mask) as Event);
}
