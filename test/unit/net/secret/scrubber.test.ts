import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScrubPatterns } from '../../../../src/net/secret/scrub/scrub-patterns.ts';
import { ScrubStream } from '../../../../src/net/secret/scrub/scrub-stream.ts';
import { Scrubber, scrubWhole } from '../../../../src/net/secret/scrub/scrubber.ts';
import { secretPatterns } from '../../../../src/net/secret/scrub/secret-patterns.ts';
import { PatternSearch } from '../../../../src/net/secret/search/pattern-search.ts';
import { encodeWebSocketFrame } from '../../../../src/net/secret/websocket/websocket-frames.ts';
import { WebSocketScrubStream } from '../../../../src/net/secret/websocket/websocket-streams.ts';

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

it('Scrubber holds no more than its window', () => {
  const patterns = patternsOf(ODD);
  const scrubber = new Scrubber(patterns);
  let given = 0;
  let got = 0;
  const chunk = Buffer.from(ODD.slice(0, -1).repeat(200));
  for (let round = 0; round < 50; round += 1) {
    given += chunk.length;
    for (const piece of scrubber.push(chunk)) got += piece.length;
    expect(given - got).toBeLessThanOrEqual(patterns.windowBytes);
  }
});

it('Scrubber finds short values in their plain form only', () => {
  expect(scrub('1234', 'pin=1234 MTIzNA== 31323334')).toBe(`pin=${P} MTIzNA== 31323334`);
});

const SECRET = 'q7Zp3xKd9LmW2vRt8YcB4nHs';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=.~';

describe('a guest that has guesses echoed', () => {
  /** Sizes of what the guest gets of one response before it cancels, as bytes and as writes. */
  async function seen(stream: Duplex, chunks: readonly Buffer[]): Promise<string> {
    const sizes: number[] = [];
    stream.on('data', (chunk: Buffer) => sizes.push(chunk.length));
    for (const chunk of chunks) await new Promise((resolve) => stream.write(chunk, resolve));
    await setImmediate();
    stream.destroy();
    return sizes.join(' ');
  }

  /** Bytes that an adaptive guest learns of the secret: it takes each guess that looks unlike the others for right. */
  async function learned(observe: (guess: string) => Promise<string>): Promise<string> {
    let known = '';
    while (known.length < SECRET.length - 1) {
      const byShape = new Map<string, string[]>();
      for (const character of ALPHABET) {
        const shape = await observe(known + character);
        byShape.set(shape, [...(byShape.get(shape) ?? []), character]);
      }
      if (byShape.size === 1) return known;
      const [rarest] = [...byShape.values()].toSorted((a, b) => a.length - b.length);
      known += rarest?.[0] ?? '';
    }
    return known;
  }

  const FORMS_OF_GUESSES: Record<string, (text: string) => string> = {
    plain: (text) => text,
    hex: (text) => Buffer.from(text).toString('hex'),
    percent: (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&'),
    base64: (text) => Buffer.from(text).toString('base64').replace(/=+$/, ''),
  };

  it.each(Object.entries(FORMS_OF_GUESSES))(
    'ScrubStream tells nothing of a value to a guest that guesses on, however a response is cut: %s',
    async (_, form) => {
      const shapes: ((guess: string) => Buffer[])[] = [
        (guess) => [Buffer.from(`{"echo":"${guess}`)],
        (guess) => [Buffer.from('"'), ...[...guess].map((part) => Buffer.from(part))],
        (guess) => [Buffer.from(`${guess}`.repeat(40))],
        (guess) => [Buffer.from(guess), Buffer.from('!')],
      ];
      for (const cut of shapes) {
        const patterns = patternsOf(SECRET);
        const observe = (guess: string) => seen(new ScrubStream(patterns), cut(form(guess)));
        expect(await learned(observe)).toBe('');
      }
    },
  );

  it('WebSocketScrubStream tells nothing of a value by the pieces of a message', async () => {
    const patterns = patternsOf(SECRET);
    const observe = (guess: string) => {
      const frame = encodeWebSocketFrame({ isFinal: false, opcode: 1 }, Buffer.from(`"${guess}`));
      return seen(new WebSocketScrubStream(patterns), [frame]);
    };
    expect(await learned(observe)).toBe('');
  });

  it('Scrubber holds back the same of a value as of any other text, up to its length', () => {
    const patterns = patternsOf(SECRET);
    for (let length = 1; length < SECRET.length; length += 1) {
      const passed = [SECRET, 'A'.repeat(24), 'z.~+/=-_9'.repeat(3)].map((text) => {
        const pieces = new Scrubber(patterns).push(Buffer.from(`x: ${text.slice(0, length)}`));
        return Buffer.concat(pieces).length;
      });
      expect(new Set(passed)).toEqual(new Set([3]));
    }
  });

  it('ScrubPatterns has one window for values of any usual length', () => {
    const windows = [8, 24, 40, 80].map((length) => patternsOf('k'.repeat(length)).windowBytes);
    expect(new Set(windows)).toEqual(new Set([256]));
  });
});

it('PatternSearch looks at every byte once, whatever the bytes are like', () => {
  const anchored = secretPatterns(SECRET, P);
  expect(anchored.every(({ anchor }) => anchor.length >= 4)).toBe(true);
  let compared = 0;
  for (const pattern of anchored) {
    const matchesAround = pattern.matchesAround.bind(pattern);
    pattern.matchesAround = (...given) => {
      compared += 1;
      return matchesAround(...given);
    };
  }
  const search = new PatternSearch(anchored);
  // Each is right in part: none leads to a comparison.
  for (const piece of [SECRET.slice(0, 1), SECRET.slice(0, 3), SECRET.slice(20)]) {
    expect(search.matches(Buffer.from(piece.repeat(2000)))).toEqual([]);
  }
  expect(compared).toBe(0);
  expect(search.matches(Buffer.from(`${SECRET}${SECRET}`))).toHaveLength(2);
});
