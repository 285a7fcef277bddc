import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatHost, parseHost } from '../../../src/address/host.ts';

/** One spelling per host. */
function canonical(text: string): string | null {
  const host = parseHost(text);
  return host === null ? null : formatHost(host);
}

it.each([
  ['example.com', 'example.com'],
  ['EXAMPLE.Com', 'example.com'],
  ['example.com.', 'example.com'],
  ['db', 'db'],
  ['_dmarc.example.com', '_dmarc.example.com'],
  ['my_bucket.example.com', 'my_bucket.example.com'],
  ['a--b.example.com', 'a--b.example.com'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['faß.example', 'xn--fa-hia.example'],
  ['ex。ample.com', 'ex.ample.com'],
  ['ⅷ.example', 'viii.example'],
  ['3com.com', '3com.com'],
  ['1.example', '1.example'],
  [`${'a'.repeat(63)}.com`, `${'a'.repeat(63)}.com`],
])('parseHost(%j) is the name %s', (text, want) => {
  expect(canonical(text)).toBe(want);
  expect(parseHost(text)?.kind).toBe('name');
});

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.1.', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
  ['0177.1', '127.0.0.1'],
  ['１２７.０.０.１', '127.0.0.1'],
  ['127。0。0。1', '127.0.0.1'],
  ['①②⑦.1', '127.0.0.1'],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['[::ffff:127.0.0.1]', '127.0.0.1'],
  ['::FFFF:a9fe:a9fe', '169.254.169.254'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%25eth0]', 'fe80::1'],
  ['::127.0.0.1', '::7f00:1'],
])('parseHost(%j) is the address %s', (text, want) => {
  expect(canonical(text)).toBe(want);
  expect(parseHost(text)?.kind).toBe('address');
});

it.each([
  '',
  '.',
  '..',
  'a..b',
  '.a',
  'a..',
  '-a.com',
  'a-.com',
  'a b.com',
  'a\u0000.com',
  'a%2eb.com',
  'a/b',
  'a@b',
  'a:80',
  '[a]',
  '[::1',
  '::1]',
  '[127.0.0.1]',
  'a*.com',
  'a!b.com',
  '1.2.3.4.5',
  '256.1.1.1',
  'example.0x1g.1',
  'foo.09',
  `${'a'.repeat(64)}.com`,
  `${'a.'.repeat(127)}aa`,
  'ü'.repeat(70),
  'ü/x.com',
  'ü%2e.com',
  'ü#.com',
  'ü?.com',
  'a\u00ad'.repeat(600),
  'a\u2028.com',
  '127.0.0.1 x',
])('parseHost(%j) is null', (text) => {
  expect(canonical(text)).toBeNull();
});

it('parseHost() gives a name of 253 characters and none of 254', () => {
  const name = `${'a'.repeat(61)}.`.repeat(4);
  expect(canonical(`${name}${'b'.repeat(5)}`)).toHaveLength(253);
  expect(canonical(`${name}${'b'.repeat(6)}`)).toBeNull();
});

it('formatHost() after parseHost() is a fixed point and plain ASCII, for any text', () => {
  const unit = fc.oneof(
    fc.constantFrom(
      '.',
      '-',
      '_',
      'a',
      'Z',
      '0',
      '7f',
      '0x',
      ':',
      '[',
      ']',
      '%',
      '。',
      '１',
      'ü',
      'ß',
      ' ',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
      const once = canonical(units.join(''));
      if (once === null) return;
      expect(once).toMatch(/^[a-z0-9._:-]+$/);
      expect(canonical(once)).toBe(once);
      expect(canonical(once.toUpperCase())).toBe(once);
    }),
    { numRuns: 3_000 },
  );
});

it('parseHost() never takes for a name what the URL parser takes for an IPv4 address', () => {
  const unit = fc.constantFrom('0', '1', '255', '0x', '7f', '.', '8', '１', '。', 'a');
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 8 }), (units) => {
      const text = units.join('');
      const url = `http://${text}/`;
      const dialled = URL.canParse(url) ? new URL(url).hostname : '';
      if (/^\d+\.\d+\.\d+\.\d+$/.test(dialled)) expect(canonical(text)).toBe(dialled);
    }),
    { numRuns: 3_000 },
  );
});
