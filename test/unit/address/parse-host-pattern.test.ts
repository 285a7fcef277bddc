import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coversPattern, formatHostPattern } from '../../../src/address/host-pattern.ts';
import { parseHostPattern, redactPattern } from '../../../src/address/parse-host-pattern.ts';

const formOf = (text: string) => {
  const { pattern } = parseHostPattern(text);
  return pattern === undefined ? null : formatHostPattern(pattern);
};

describe('parseHostPattern()', () => {
  it.each([
    ['Api.Example.COM.', 'api.example.com'],
    ['*.Example.com:8443', '*.example.com:8443'],
    ['db.internal:5432/tcp', 'db.internal:5432/tcp'],
    ['**.example.com', '**.example.com'],
    ['api-*.*.example.com:*', 'api-*.*.example.com:*'],
    ['**', '*'],
    ['*:8443', '*:8443'],
    ['10.1.0.0/16', '10.1.0.0/16'],
    ['10.1.0.0/16:5432/tcp', '10.1.0.0/16:5432/tcp'],
    ['FD00::/8', 'fd00::/8'],
    ['[fd00::/8]:22/tcp', '[fd00::/8]:22/tcp'],
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
    ['[::ffff:192.0.2.7]:22/tcp', '192.0.2.7:22/tcp'],
    ['_srv.example.com', '_srv.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['192.0.2.7:80', '192.0.2.7:80'],
    ['::1', '::1'],
    ['[2001:DB8::1]:443', '[2001:db8::1]:443'],
    ['[::1]:22/tcp', '[::1]:22/tcp'],
  ])('reads %s as %s', (text, want) => {
    expect(formOf(text)).toBe(want);
  });

  it.each([
    ['', 'one host per entry'],
    ['a b', 'one host per entry'],
    [' api.example.com', 'one host per entry'],
    ['a\nb', 'one host per entry'],
    ['x'.repeat(301), 'one host per entry'],
    ['https://api.example.com/v1', 'Write api.example.com alone.'],
    ['https://user:pw@api.example.com:8443/v1', 'Write api.example.com:8443 alone.'],
    ['http://', 'Write the host alone.'],
    ['https://user:p@ss@api.example.com/', 'Write api.example.com alone.'],
    ['https://user:p/w@api.example.com/', 'Write the host alone.'],
    ['api.example.com/v1', 'network.rules'],
    ['api.example.com/', 'network.rules'],
    ['.example.com', 'Write *.example.com'],
    ['*example.com', 'Write *.com'],
    ['*evil.example.com', 'Write *.example.com'],
    ['a.*b.example.com', 'Write *.example.com'],
    ['example.*', 'Write *.example.com'],
    ['*.*', 'Write *.example.com'],
    ['a.**.example.com', 'Write *.example.com'],
    ['**a.example.com', 'Write *.example.com'],
    ['*.127.0.0.1', 'Write *.example.com'],
    ['*.', 'Write *.example.com'],
    ['localhost', 'extra_hosts'],
    ['app.localhost', 'extra_hosts'],
    ['127.1', 'Write 127.0.0.1.'],
    ['0x7f000001', 'Write 127.0.0.1.'],
    ['2130706433', 'Write 127.0.0.1.'],
    ['010.0.0.1', 'Write 8.0.0.1.'],
    ['[fe80::1%eth0]', 'Write fe80::1.'],
    ['1.2.3.4.5', 'Write a name'],
    ['10.0.0.1/8', 'first address of the block'],
    ['10.0.0.0/33', 'first address of the block'],
    ['api.example.com:0', 'host:443'],
    ['api.example.com:65536', 'host:443'],
    ['api.example.com:', 'host:443'],
    ['api.example.com:https', 'host:443'],
    ['api.example.com:0443', 'host:443'],
    ['db.internal/tcp', 'Write db.internal:5432/tcp'],
    ['192.0.2.0/24/tcp', 'Write 192.0.2.0/24:5432/tcp'],
    ['db.internal:53/udp', 'DNS and TCP'],
    ['-a.example.com', 'Write a name'],
    ['a..b', 'Write a name'],
    ['[::1', 'Write a name'],
    ['a@b.example', 'Write a name'],
    ['a%2eb.example', 'Write a name'],
    ['"quoted"', 'Write a name'],
    ['a.*.b', 'Write *.example.com'],
    ['*a.b', 'Write *.b'],
    ['u@a.test', 'Write a name'],
    ['a.test:1:2', 'Write a name'],
    ['a.localhost:80', 'extra_hosts'],
    ['fd00::1/8', 'first address of the block'],
    ['::/129', 'first address of the block'],
    ['0x7f.1', 'Write 127.0.0.1.'],
    ['0177.1', 'Write 127.0.0.1.'],
    ['*.1.2.3.4', 'Write *.example.com'],
    ['fe80::1%lo', 'Write fe80::1.'],
    ['[a]:1', 'Write a name'],
    ['[10.0.0.1]', 'Write a name'],
    [`${'a'.repeat(64)}.test`, 'Write a name'],
    [`${'a.'.repeat(127)}test`, 'Write a name'],
    ['a.test/tcp/tcp', 'network.rules'],
    ['2001:db8::1/tcp', 'Write [2001:db8::1]:5432/tcp'],
  ])('refuses %j and says %j', (text, want) => {
    const { pattern, problem, fix } = parseHostPattern(text);
    expect(pattern).toBeUndefined();
    expect(problem).toMatch(/^\S.{10,}/);
    expect(fix).toContain(want);
  });

  it.each(['*', '**.a.test', 'a-*.a.test', '10.0.0.0/8', 'a.test:*'])(
    'refuses %s where only narrow entries can stand',
    (text) => {
      expect(parseHostPattern(text, { allowsWide: false }).problem).toBeDefined();
    },
  );

  it('refuses /tcp and * in a list that does not accept them', () => {
    expect(parseHostPattern('a.test:1/tcp', { allowsTcp: false }).problem).toContain('/tcp');
    expect(parseHostPattern('*:8443', { allowsAny: false }).problem).toContain('wide');
    expect(parseHostPattern('**.a.test', { allowsAny: false }).problem).toBeUndefined();
  });

  it('gives problems that repeat nothing of the text, and fixes that repeat nothing before an @', () => {
    const unit = fc.constantFrom('zqz', '.', '*', ':', '/', '@', '[', ']', '%', ' ', '://', '-');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 8 }), (units) => {
        const text = units.join('');
        expect(parseHostPattern(text).problem ?? '').not.toContain('zqz');
        if (!text.includes('@') || /zqz[^@]*$/.test(text)) return;
        const { problem = '', fix = '' } = parseHostPattern(text);
        expect(`${problem} ${fix} ${redactPattern(text)}`).not.toContain('zqz');
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads its own form again, and takes any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV4(), fc.ipV6()), (text) => {
        const form = formOf(text);
        if (form !== null) expect(formOf(form)).toBe(form);
      }),
    );
  });
});

describe('coversPattern()', () => {
  const covers = (outer: string, inner: string) => {
    const [a, b] = [parseHostPattern(outer).pattern, parseHostPattern(inner).pattern];
    if (a === undefined || b === undefined) throw new Error('not a pattern');
    return coversPattern(a, b);
  };

  it.each([
    ['a.test', 'a.test', true],
    ['a.test', 'a.test:80', true],
    ['a.test:80', 'a.test', true],
    ['a.test:80', 'a.test:81', false],
    ['a.test', 'x.a.test', false],
    ['*', 'a.test', true],
    ['*.a.test', 'a.test', false],
    ['*.a.test', 'y.a.test', true],
    ['**.a.test', 'x.y.a.test', true],
    ['*.a.test', '*.a.test', true],
    ['*.a.test', 'xa.test', false],
    ['a.test', '*.a.test', false],
    ['::1', '[::1]:80', true],
    ['*.a.test', '**.a.test', true],
    ['**.a.test', '**.b.a.test', true],
    ['**.b.a.test', '**.a.test', false],
    ['api-*.a.test', 'api-1.a.test', true],
    ['api-*.a.test', 'api-x*.a.test', true],
    ['api-*.a.test', '*.a.test', false],
    ['api-*.a.test', 'x.api-1.a.test', false],
    ['a.test', '*', false],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', 'a.test', false],
  ])('%s and %s: %s', (outer, inner, want) => {
    expect(covers(outer, inner)).toBe(want);
  });
});
