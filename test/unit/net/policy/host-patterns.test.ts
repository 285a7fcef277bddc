import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseHost } from '../../../../src/address/host.ts';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { compileHostPatterns } from '../../../../src/net/policy/host-patterns.ts';

const web = { defaultPort: 'web' } as const;

function matches(entry: string, hostAndPort: string, list: object = web): boolean {
  const at = hostAndPort.lastIndexOf(' ');
  return (
    compileHostPatterns([entry], 'allowed_hosts', list).match(
      hostAndPort.slice(0, at),
      Number(hostAndPort.slice(at + 1)),
    ) !== null
  );
}

it.each([
  ['api.example.com', 'api.example.com 443'],
  ['api.example.com', 'api.example.com 80'],
  ['API.Example.COM.', 'api.example.com 443'],
  ['api.example.com', 'API.EXAMPLE.COM. 443'],
  ['bücher.example', 'xn--bcher-kva.example 443'],
  ['xn--bcher-kva.example', 'BÜCHER.example 443'],
  ['*.bücher.example', 'www.xn--bcher-kva.example 443'],
  ['my_db', 'my_db 443'],
  ['api.example.com:8443', 'api.example.com 8443'],
  ['api.example.com:*', 'api.example.com 1'],
  ['api.example.com:*', 'api.example.com 65535'],
  ['*.example.com', 'a.example.com 443'],
  ['*.example.com', 'a-b_c.example.com 443'],
  ['*.example.com:8443', 'a.example.com 8443'],
  ['**.example.com', 'a.example.com 443'],
  ['**.example.com', 'a.b.c.example.com 443'],
  ['*.*.example.com', 'a.b.example.com 443'],
  ['api-*.example.com', 'api-1.example.com 443'],
  ['api-*-eu.example.com', 'api-x-y-eu.example.com 443'],
  ['*.com', 'example.com 443'],
  ['*', 'a.b.c 443'],
  ['**', 'a.b.c 443'],
  ['.*', 'a.b.c 443'],
  ['*:*', 'a.b.c 99'],
  ['192.0.2.7', '192.0.2.7 443'],
  ['192.0.2.7:8080', '192.0.2.7 8080'],
  ['127.0.0.1', '127.1 443'],
  ['127.0.0.1', '[::ffff:127.0.0.1] 443'],
  ['::ffff:127.0.0.1', '127.0.0.1 443'],
  ['::ffff:192.0.2.0/120', '[::ffff:192.0.2.9] 443'],
  ['192.0.2.0/24', '192.0.2.255 443'],
  ['192.0.2.0/24:22/tcp', '192.0.2.1 22'],
  ['2001:db8::1', '2001:DB8:0::1 443'],
  ['[2001:db8::1]', '2001:db8::1 443'],
  ['[2001:db8::1]:8443', '[2001:db8::1] 8443'],
  ['2001:db8::/32', '2001:db8:1::1 80'],
  ['[2001:db8::/32]:22/tcp', '2001:db8::9 22'],
  ['db.internal:5432/tcp', 'db.internal 5432'],
  ['db.internal:*/tcp', 'db.internal 7'],
  ['db.internal:5432/TCP', 'db.internal 5432'],
])('%j covers %s', (entry, given) => {
  expect(matches(entry, given)).toBe(true);
});

it.each([
  ['api.example.com', 'example.com 443'],
  ['api.example.com', 'x.api.example.com 443'],
  ['api.example.com', 'api.example.com.evil.test 443'],
  ['api.example.com', 'apiXexample.com 443'],
  ['api.example.com', 'api.example.com 8080'],
  ['api.example.com', 'api.example.com 22'],
  ['api.example.com:8443', 'api.example.com 443'],
  ['*.example.com', 'example.com 443'],
  ['*.example.com', 'a.b.example.com 443'],
  ['*.example.com', 'evilexample.com 443'],
  ['*.example.com', 'a.example.com.evil.test 443'],
  ['*.example.com', '.example.com 443'],
  ['**.example.com', 'example.com 443'],
  ['**.example.com', 'evilexample.com 443'],
  ['**.example.com', 'example.com.evil.test 443'],
  ['api-*.example.com', 'api-.x.example.com 443'],
  ['api-*.example.com', 'apix.example.com 443'],
  ['*.com', 'a.example.com 443'],
  ['*', '192.0.2.7 443'],
  ['*', '127.1 443'],
  ['*', '::1 443'],
  ['*', 'a.b.c 8443'],
  ['.*', '10.0.0.1 443'],
  ['192.0.2.7', '192.0.2.8 443'],
  ['192.0.2.0/24', '192.0.3.0 443'],
  ['192.0.2.0/24', 'a.example.com 443'],
  ['0.0.0.0/0', '2001:db8::1 443'],
  ['::/0', '192.0.2.7 443'],
  ['db.internal:5432/tcp', 'db.internal 443'],
])('%j does not cover %s', (entry, given) => {
  expect(matches(entry, given)).toBe(false);
});

it.each([
  ['*.example.com', 'a.b.example.com 443', true],
  ['*.example.com', 'a.example.com 9', true],
  ['*.example.com', 'example.com 443', false],
  ['example.com', 'a.example.com 443', false],
  ['example.com', 'example.com 25', true],
  ['example.com:25', 'example.com 443', false],
])('as a denial %j on %s gives %s', (entry, given, want) => {
  expect(matches(entry, given, { isDeep: true })).toBe(want);
});

it.each([
  ['https://api.example.com/v1', 'Write api.example.com alone.'],
  ['10.0.0.1/8', 'first address of the block'],
  ['localhost', 'extra_hosts'],
])('compileHostPatterns() refuses %j and says %j', (entry, hint) => {
  expect(() => compileHostPatterns([entry], 'allowed_hosts', web)).toThrow(
    expect.objectContaining({
      code: 'NET_PATTERN_INVALID',
      details: expect.objectContaining({ field: 'allowed_hosts' }),
      hint: expect.stringContaining(hint),
    }),
  );
});

it('compileHostPatterns() shows a long entry cut', () => {
  expect(() => compileHostPatterns([`${'x'.repeat(400)}`], 'f')).toThrow(/"x{120}…"/);
});

it('HostPatterns.match() names the first entry that covers, exact names before wildcards', () => {
  const patterns = compileHostPatterns(['*.example.com', 'a.example.com', '**.example.com'], 'f');
  expect(patterns.match('a.example.com', 1)).toBe('a.example.com');
  expect(patterns.match('b.example.com', 1)).toBe('*.example.com');
  expect(patterns.match('c.b.example.com', 1)).toBe('**.example.com');
  expect(patterns.match('not a host', 1)).toBeNull();
  expect(patterns.names).toEqual(['a.example.com']);
});

it('HostPatterns.find() tells raw entries from others', () => {
  const patterns = compileHostPatterns(['a.test:22/tcp', 'a.test:22', 'b.test:22/tcp'], 'f');
  const a = parseHost('a.test');
  const b = parseHost('b.test');
  if (!a || !b) throw new Error('unreadable');
  expect(patterns.find(a, 22, true)?.entry).toBe('a.test:22/tcp');
  expect(patterns.find(a, 22, false)?.entry).toBe('a.test:22');
  expect(patterns.find(b, 22, false)).toBeUndefined();
  expect(patterns.find(b, 22)?.entry).toBe('b.test:22/tcp');
});

it('a list of 20,000 names is compiled and asked fast', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `host-${index}.example.com`);
  const patterns = compileHostPatterns(names, 'allowed_hosts');
  const start = performance.now();
  for (let index = 0; index < 10_000; index++) patterns.match(`host-${index}.example.com`, 443);
  expect(performance.now() - start).toBeLessThan(10_000);
});

it.each([
  'https://user:hunter2@api.example.com/',
  'TOKEN=hunter2@api.example.com',
  'a@hunter2@b c',
  'x=hunter2\n@a',
])('compileHostPatterns() never shows what stands before an @: %j', (entry) => {
  try {
    compileHostPatterns([entry], 'allowed_hosts');
  } catch (error) {
    if (!GondolinError.is(error)) throw error;
    expect(error.code).toBe('NET_PATTERN_INVALID');
    expect(`${error.message} ${error.hint} ${JSON.stringify(error.details)}`).not.toContain(
      'hunter2',
    );
    return;
  }
  throw new Error('it was accepted');
});

it('any text is an entry or NET_PATTERN_INVALID with a hint, and a plain entry covers its own host', () => {
  const unit = fc.constantFrom(
    'a',
    'b-',
    '.',
    '*',
    '**',
    ':',
    '443',
    '/',
    'tcp',
    '/tcp',
    '[',
    ']',
    '::1',
    '10.0.0.0',
    '/8',
    '@',
    'ü',
    '%',
    ' ',
    'xn--',
    '0x7f',
    '_',
    'localhost',
    'http://',
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 8 }), (units) => {
      const entry = units.join('');
      try {
        const patterns = compileHostPatterns([entry], 'denied_hosts', { isDeep: true });
        const host = parseHost(entry);
        if (host !== null && !entry.includes('/')) expect(patterns.match(entry, 1)).toBe(entry);
      } catch (error) {
        expect(error).toMatchObject({
          code: 'NET_PATTERN_INVALID',
          hint: expect.stringMatching(/\S\.$/),
        });
      }
    }),
    { numRuns: 3_000 },
  );
});
