import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coversHost, formatHostEntry, parseHostEntry } from '../../../src/util/host-entry.ts';

const formOf = (text: string) => {
  const { entry } = parseHostEntry(text);
  return entry === undefined ? null : formatHostEntry(entry);
};

describe('parseHostEntry()', () => {
  it.each([
    ['Api.Example.COM.', 'api.example.com'],
    ['*.Example.com:8443', '*.example.com:8443'],
    ['db.internal:5432/tcp', 'db.internal:5432/tcp'],
    ['db.internal/tcp', 'db.internal/tcp'],
    ['localhost', 'localhost'],
    ['_srv.example.com', '_srv.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['192.0.2.7:80', '192.0.2.7:80'],
    ['::1', '::1'],
    ['[2001:DB8::1]:443', '[2001:db8::1]:443'],
    ['[::1]/tcp', '[::1]/tcp'],
  ])('reads %s as %s', (text, want) => {
    expect(formOf(text)).toBe(want);
  });

  it.each([
    ...[
      '',
      '*',
      '*.',
      '.example.com',
      'a..b',
      'a.*.b',
      '*a.b',
      'a b',
      'https://a.test',
      'a.test/x',
    ],
    ...['u@a.test', 'a.test:', 'a.test:0', 'a.test:65536', 'a.test:1:2', 'a.test:080', '-a.test'],
    ...['127.1', '0x7f.1', '2130706433', '0177.1', '1.2.3.4.5', '*.1.2.3.4', 'fe80::1%lo', '[a]:1'],
    ...[`${'a'.repeat(64)}.test`, `${'a.'.repeat(127)}test`, 'a.test/udp', 'a\n.test', 'a%2etest'],
  ])('refuses %j and does not repeat it', (text) => {
    const { entry, problem } = parseHostEntry(text);
    expect(entry).toBeUndefined();
    expect(problem).toMatch(/^\S.{10,}/);
  });

  it('refuses a port and /tcp where they cannot stand', () => {
    expect(parseHostEntry('a.test:80', { allowsPort: false }).problem).toContain('port');
    expect(parseHostEntry('a.test/tcp', { allowsTcp: false }).problem).toContain('/tcp');
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

describe('coversHost()', () => {
  const covers = (outer: string, inner: string) => {
    const [a, b] = [parseHostEntry(outer).entry, parseHostEntry(inner).entry];
    if (a === undefined || b === undefined) throw new Error('no entry');
    return coversHost(a, b);
  };

  it.each([
    ['a.test', 'a.test', true],
    ['a.test', 'a.test:80', true],
    ['a.test:80', 'a.test', false],
    ['a.test', 'x.a.test', false],
    ['*.a.test', 'a.test', false],
    ['*.a.test', 'x.y.a.test', true],
    ['*.a.test', '*.y.a.test', true],
    ['*.a.test', '*.a.test', true],
    ['*.a.test', 'xa.test', false],
    ['a.test', '*.a.test', false],
    ['a.test', 'a.test/tcp', false],
    ['a.test/tcp', 'a.test', false],
    ['::1', '[::1]:80', true],
  ])('%s covers %s: %s', (outer, inner, want) => {
    expect(covers(outer, inner)).toBe(want);
  });
});
