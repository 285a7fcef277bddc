import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHostEntry, overlapsHost, parseHostEntry } from '../../../src/util/host-entry.ts';

const formOf = (text: string) => {
  const { entry } = parseHostEntry(text);
  return entry === undefined ? null : formatHostEntry(entry);
};

describe('parseHostEntry()', () => {
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
    ['::ffff:192.0.2.0/120', '::ffff:192.0.2.0/120'],
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
    ...['', '*.', '.example.com', 'a..b', 'a.*.b', '*a.b', 'a b', 'https://a.test', 'a.test/x'],
    ...[
      'u@a.test',
      'a.test:',
      'a.test:0',
      'a.test:65536',
      'a.test:1:2',
      'a.test:080',
      '-a.test',
      'localhost',
      'a.localhost:80',
      'db.internal/tcp',
      '10.0.0.1/8',
      '10.0.0.0/33',
      'fd00::1/8',
      '::/129',
    ],
    ...['127.1', '0x7f.1', '2130706433', '0177.1', '1.2.3.4.5', '*.1.2.3.4', 'fe80::1%lo', '[a]:1'],
    ...[`${'a'.repeat(64)}.test`, `${'a.'.repeat(127)}test`, 'a.test/udp', 'a\n.test', 'a%2etest'],
  ])('refuses %j and does not repeat it', (text) => {
    const { entry, problem } = parseHostEntry(text);
    expect(entry).toBeUndefined();
    expect(problem).toMatch(/^\S.{10,}/);
  });

  it.each(['*', '**.a.test', 'a-*.a.test', '10.0.0.0/8', 'a.test:*'])(
    'refuses %s where only narrow entries can stand',
    (text) => {
      expect(parseHostEntry(text, { allowsWide: false }).problem).toBeDefined();
    },
  );

  it('refuses a port and /tcp where they cannot stand', () => {
    expect(parseHostEntry('a.test:80', { allowsPort: false }).problem).toContain('port');
    expect(parseHostEntry('a.test:1/tcp', { allowsTcp: false }).problem).toContain('/tcp');
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

describe('overlapsHost()', () => {
  const overlaps = (outer: string, inner: string) => {
    const [a, b] = [parseHostEntry(outer).entry, parseHostEntry(inner).entry];
    if (a === undefined || b === undefined) throw new Error('no entry');
    return overlapsHost(a, b);
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
  ])('%s and %s: %s', (outer, inner, want) => {
    expect(overlaps(outer, inner)).toBe(want);
  });
});
