import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ProbeCount, ScrubPatterns } from '../../../../src/net/secret/scrub-patterns.ts';
import { ScrubStream } from '../../../../src/net/secret/scrub-stream.ts';
import { Scrubber, scrubWhole } from '../../../../src/net/secret/scrubber.ts';
import { secretPatterns } from '../../../../src/net/secret/secret-patterns.ts';

const P = 'GONDOLIN_SECRET_0123456789abcdef0123456789abcdef';
const TOKEN = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
const ODD = 'p@ss w/rd+"1"\\<&é😀>;x=\'y\'';

function patternsOf(value: string): ScrubPatterns {
  return new ScrubPatterns(secretPatterns(value, P));
}

function scrub(value: string, text: string | Buffer): string {
  return scrubWhole(patternsOf(value), Buffer.from(text)).toString('utf8');
}

function entities(text: string, form: (point: number) => string): string {
  return [...text]
    .map((character) => (/\w/.test(character) ? character : form(character.codePointAt(0) ?? 0)))
    .join('');
}

const html = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
const json = (text: string) => JSON.stringify(text).slice(1, -1);
const asciiJson = (text: string) =>
  json(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const FORMS: Record<string, (text: string) => string> = {
  plain: (text) => text,
  'percent-encoded': encodeURIComponent,
  'percent-encoded in small letters': (text) =>
    encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase()),
  'strictly percent-encoded': (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`),
  'percent-encoded twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  'form-encoded': (text) => new URLSearchParams({ a: text }).toString().slice(2),
  'every byte percent-encoded': (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&'),
  JSON: json,
  'JSON in JSON': (text) => json(json(text)),
  'JSON in ASCII': asciiJson,
  'JSON with slashes escaped': (text) => json(text).replaceAll('/', '\\/'),
  'JSON as Go writes it': (text) =>
    json(text).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  HTML: html,
  'decimal entities': (text) => entities(text, (point) => `&#${point};`),
  'hexadecimal entities': (text) => entities(text, (point) => `&#x${point.toString(16)};`),
  'UTF-8 taken for latin1': (text) => Buffer.from(text).toString('latin1'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'hex in capitals': (text) => Buffer.from(text).toString('hex').toUpperCase(),
};

for (const [value, kind] of [
  [TOKEN, 'a token'],
  [ODD, 'a value of odd characters'],
  ['@"/\\ <>;+=&$', 'a value without a letter'],
] as const) {
  it.each(Object.entries(FORMS))(`Scrubber finds ${kind} as %s`, (_, form) => {
    const shown = scrub(value, `{"got": "${form(value)}", "rest": 1}`);
    const want = [P, Buffer.from(P).toString('hex'), Buffer.from(P).toString('hex').toUpperCase()];
    expect(want.map((text) => `{"got": "${text}", "rest": 1}`)).toContain(shown);
  });
}

describe('base64', () => {
  it.each(['base64', 'base64url'] as const)(
    'Scrubber keeps what stands around the value in %s, at any alignment and length',
    (encoding) => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 9 }),
          fc.uint8Array({ maxLength: 9 }),
          fc.string({ minLength: 8, maxLength: 60, unit: 'grapheme-ascii' }),
          (before, after, value) => {
            const whole = Buffer.concat([before, Buffer.from(value), after]).toString(encoding);
            const got = Buffer.from(scrub(value, whole), 'base64');
            const fill = (((value.length - P.length) % 3) + 3) % 3;
            const want = Buffer.concat([before, Buffer.from(P + '_'.repeat(fill)), after]);
            // Around a value that happens to stand in its neighbours too, only that it is gone matters.
            if (Buffer.concat([before, after]).includes(value)) return;
            expect(got.toString('latin1')).toBe(want.toString('latin1'));
          },
        ),
      );
    },
  );

  it('Scrubber finds base64 that stands percent-encoded in a URL', () => {
    const value = 'aa?>>~~??aa';
    const text = encodeURIComponent(Buffer.from(`user:${value}`).toString('base64'));
    expect(text).toMatch(/%2[BF]/);
    const got = Buffer.from(decodeURIComponent(scrub(value, text)), 'base64').toString();
    expect(got.startsWith(`user:${P}`)).toBe(true);
  });
});

/** Cuts at the given places. */
function inPieces(patterns: ScrubPatterns, bytes: Buffer, cuts: readonly number[]): Buffer {
  const scrubber = new Scrubber(patterns);
  const places = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
  return Buffer.concat([...pieces.flatMap((piece) => scrubber.push(piece)), ...scrubber.end()]);
}

const VALUES = [TOKEN, ODD, 'aabaabaa', 'abababab', '%25%25%2525', 'AAAAAAAA'];

it.each(VALUES)('Scrubber gives the same however the bytes are cut (%s)', (value) => {
  const forms = Object.values(FORMS).map((form) => form(value));
  const near = forms.flatMap((form) => [form.slice(0, -1), form.slice(1), form.slice(0, 4)]);
  const base64 = ['', 'u', 'us'].map((user) => Buffer.from(`${user}${value}:`).toString('base64'));
  const piece = fc.oneof(
    fc.constantFrom(...forms, ...near, ...base64),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.array(fc.nat(400), { maxLength: 9 }),
      (texts, cuts) => {
        const bytes = Buffer.from(texts.join(''));
        const whole = scrubWhole(patternsOf(value), bytes);
        expect(inPieces(patternsOf(value), bytes, cuts).equals(whole)).toBe(true);
        expect(whole.includes(value)).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
});

it('Scrubber gives the same byte by byte for two secrets of which one starts the other', () => {
  const patterns = new ScrubPatterns([
    ...secretPatterns('abcdefgh', 'P_SHORT'),
    ...secretPatterns('abcdefghij', 'P_LONG'),
  ]);
  const bytes = Buffer.from('xabcdefghi abcdefghij abcdefgh');
  const cuts = bytes.map((_, index) => index);
  expect(inPieces(patterns, bytes, [...cuts]).toString()).toBe('xP_SHORTi P_LONG P_SHORT');
});

it('Scrubber passes any other bytes unchanged', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat(300), { maxLength: 5 }),
      (data, cuts) => {
        const bytes = Buffer.from(data);
        expect(inPieces(patternsOf(TOKEN), bytes, cuts).equals(bytes)).toBe(true);
      },
    ),
  );
});

it('Scrubber passes an event on at once when no value can begin at its end', () => {
  const scrubber = new Scrubber(patternsOf(TOKEN));
  const event = Buffer.from('data: {"text": "hello"}\n\n');
  expect(Buffer.concat(scrubber.push(event)).equals(event)).toBe(true);
});

it('Scrubber.release() tells three bytes of a value at most, and changes nothing else', () => {
  const patterns = patternsOf(TOKEN);
  expect(patterns.releasableBytes).toBe(3);
  const piece = fc.oneof(
    fc.constantFrom(TOKEN, 'g', 'ghp', 'ghp_', 'Z2hw'),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.array(fc.nat(200), { maxLength: 9 }),
      (texts, cuts) => {
        const bytes = Buffer.from(texts.join(''));
        const scrubber = new Scrubber(patterns);
        const places = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
          bytes.length,
        ];
        const output = places
          .slice(1)
          .flatMap((end, at) => [
            ...scrubber.push(bytes.subarray(places[at], end)),
            ...scrubber.release(),
          ]);
        const got = Buffer.concat([...output, ...scrubber.end()]).toString();
        const want = scrubWhole(patterns, bytes).toString();
        // What was told of a value stands before its placeholder.
        const told = got.replaceAll(new RegExp(`(?:g|gh|ghp)+(?=${P})`, 'g'), '');
        expect(told).toBe(want.replaceAll(new RegExp(`(?:g|gh|ghp)+(?=${P})`, 'g'), ''));
        expect(got).not.toContain(TOKEN.slice(4));
      },
    ),
    { numRuns: 500 },
  );
});

it.each([
  { value: '1234567', bytes: 0 },
  { value: 'x'.repeat(8), bytes: 1 },
  { value: 'x'.repeat(23), bytes: 2 },
  { value: 'x'.repeat(400), bytes: 3 },
])('ScrubPatterns may tell $bytes bytes of $value', ({ value, bytes }) => {
  expect(patternsOf(value).releasableBytes).toBe(bytes);
});

it('ScrubStream passes the end of a message on after a pause, also when a value could begin with it', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const stream = new ScrubStream(patternsOf(TOKEN));
  stream.write('message ending');
  expect(String(stream.read())).toBe('message endin');
  vi.advanceTimersByTime(20);
  expect(String(stream.read())).toBe('g');
  stream.write(TOKEN.slice(1));
  expect(String(stream.read())).toBe(P);
  stream.write(TOKEN.slice(0, 4));
  vi.advanceTimersByTime(1000);
  expect(stream.read()).toBeNull();
  stream.destroy();
  expect(vi.getTimerCount()).toBe(0);
});

it('Scrubber holds no more than the longest form of a value', () => {
  const patterns = patternsOf(ODD);
  const scrubber = new Scrubber(patterns);
  let given = 0;
  let got = 0;
  const chunk = Buffer.from(ODD.slice(0, -1).repeat(200));
  for (let round = 0; round < 50; round += 1) {
    given += chunk.length;
    for (const piece of scrubber.push(chunk)) got += piece.length;
    expect(given - got).toBeLessThanOrEqual(patterns.maxBytes);
  }
});

it('Scrubber finds short values in their plain form only', () => {
  expect(scrub('1234', 'pin=1234 MTIzNA== 31323334')).toBe(`pin=${P} MTIzNA== 31323334`);
});

describe('a guest that has guesses echoed', () => {
  function isHeldBack(patterns: ScrubPatterns, text: string): boolean {
    const scrubber = new Scrubber(patterns);
    const passed = Buffer.concat(scrubber.push(Buffer.from(text))).length;
    scrubber.push(Buffer.from('\n'));
    scrubber.end();
    return passed < text.length;
  }

  it('Scrubber stops telling right guesses from wrong ones after eight of them', () => {
    const patterns = new ScrubPatterns(secretPatterns(TOKEN, P), new ProbeCount());
    expect(isHeldBack(patterns, `x${TOKEN.slice(0, 10)}`)).toBe(true);
    expect(isHeldBack(patterns, 'xghp_16C7e?')).toBe(false);
    for (let guess = 11; guess < 18; guess += 1) isHeldBack(patterns, TOKEN.slice(0, guess));
    expect(patterns.isStrict).toBe(true);
    expect(isHeldBack(patterns, `x${TOKEN.slice(0, 20)}`)).toBe(true);
    expect(isHeldBack(patterns, 'x something else')).toBe(true);
  });

  it('Scrubber still passes whole lines on when it is strict, and loses nothing', () => {
    const probes = new ProbeCount();
    for (let count = 0; count < 8; count += 1) probes.add();
    const patterns = new ScrubPatterns(secretPatterns(TOKEN, P), probes);
    const scrubber = new Scrubber(patterns);
    expect(Buffer.concat(scrubber.push(Buffer.from('data: 1\n\nda'))).toString()).toBe(
      'data: 1\n\n',
    );
    expect(
      Buffer.concat([...scrubber.push(Buffer.from(`ta ${TOKEN}`)), ...scrubber.end()]).toString(),
    ).toBe(`data ${P}`);
  });
});
