import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type AptSource,
  formatGuestSourceList,
  formatSourceList,
  parseDeb822,
  parseSourceList,
} from '../../../../src/image/debian/apt-source.ts';

const MAIN: AptSource = {
  uri: 'http://deb.example.com/debian',
  suite: 'bookworm',
  components: ['main'],
  signedBy: null,
  isTrusted: false,
};

it.each<[string, string, AptSource[]]>([
  ['a plain line', 'deb http://deb.example.com/debian bookworm main', [MAIN]],
  [
    'several components and spaces',
    '  deb   http://deb.example.com/debian\tbookworm  main contrib ',
    [{ ...MAIN, components: ['main', 'contrib'] }],
  ],
  [
    'options',
    'deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg trusted=yes] http://deb.example.com/debian bookworm main',
    [{ ...MAIN, signedBy: '/usr/share/keyrings/k.gpg', isTrusted: true }],
  ],
  [
    'options without a space behind them',
    'deb [signed-by=/k.gpg]http://deb.example.com/debian bookworm main',
    [{ ...MAIN, signedBy: '/k.gpg' }],
  ],
  [
    'a fingerprint instead of a keyring',
    'deb [signed-by=0123ABCD] http://deb.example.com/debian bookworm main',
    [MAIN],
  ],
  [
    'a flat repository',
    'deb file:///srv/repo ./',
    [{ ...MAIN, uri: 'file:///srv/repo', suite: './', components: [] }],
  ],
  ['a comment behind it', 'deb http://deb.example.com/debian bookworm main # ours', [MAIN]],
  ['a source line', 'deb-src http://deb.example.com/debian bookworm main', []],
  ['a commented line', '# deb http://deb.example.com/debian bookworm main', []],
  ['a line without a suite', 'deb http://deb.example.com/debian', []],
  ['nothing', '', []],
])('parseSourceList() reads %s', (_, text, want) => {
  expect(parseSourceList(text)).toEqual(want);
});

it.each<[string, string, AptSource[]]>([
  [
    'a stanza with two suites',
    'Types: deb\nURIs: http://deb.example.com/debian\nSuites: bookworm bookworm-updates\nComponents: main\n',
    [MAIN, { ...MAIN, suite: 'bookworm-updates' }],
  ],
  [
    'two stanzas with comments and blank lines',
    '# first\nTypes: deb\nURIs: http://deb.example.com/debian\nSuites: bookworm\nComponents: main\n \n\n# second\nTypes: deb deb-src\nURIs: http://deb.example.com/debian-security\nSuites: bookworm-security\nComponents: main\n',
    [MAIN, { ...MAIN, uri: 'http://deb.example.com/debian-security', suite: 'bookworm-security' }],
  ],
  [
    'a comment in the middle of a stanza',
    'Types: deb\n# http://old.example.com\nURIs: http://deb.example.com/debian\nSuites: bookworm\nComponents: main',
    [MAIN],
  ],
  [
    'names in any case, a keyring and trust',
    'types: deb\nuris: http://deb.example.com/debian\nsuites: bookworm\ncomponents: main\nsigned-by: /k.gpg\ntrusted: yes\n',
    [{ ...MAIN, signedBy: '/k.gpg', isTrusted: true }],
  ],
  [
    'an embedded key',
    'Types: deb\nURIs: http://deb.example.com/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n',
    [MAIN],
  ],
  [
    'values on continuation lines',
    'Types: deb\nURIs:\n http://deb.example.com/debian\nSuites: bookworm\nComponents: main\n',
    [MAIN],
  ],
  [
    'carriage returns',
    'Types: deb\r\nURIs: http://deb.example.com/debian\r\nSuites: bookworm\r\nComponents: main\r\n',
    [MAIN],
  ],
  [
    'a stanza that is switched off',
    'Enabled: no\nTypes: deb\nURIs: http://deb.example.com/debian\nSuites: bookworm\nComponents: main\n',
    [],
  ],
  [
    'sources only',
    'Types: deb-src\nURIs: http://deb.example.com/debian\nSuites: bookworm\nComponents: main\n',
    [],
  ],
  ['nothing', '\n\n', []],
])('parseDeb822() reads %s', (_, text, want) => {
  expect(parseDeb822(text)).toEqual(want);
});

it('parseSourceList() and parseDeb822() take any text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('d', 'e', 'b', ' ', '\n', ':', '[', ']', '=', '#', '/') }),
      (text) => {
        expect(Array.isArray(parseSourceList(text))).toBe(true);
        expect(Array.isArray(parseDeb822(text))).toBe(true);
      },
    ),
  );
});

it('formatSourceList() gives text that reads back the same', () => {
  const sources = [
    MAIN,
    { ...MAIN, signedBy: '/k.gpg', isTrusted: true, components: ['main', 'contrib'] },
  ];
  expect(parseSourceList(formatSourceList(sources))).toEqual(sources);
});

it('formatGuestSourceList() leaves out passwords, keyrings and places only this host has', () => {
  const text = formatGuestSourceList([
    { ...MAIN, uri: 'https://user:secret@deb.example.com/debian', signedBy: '/home/me/k.gpg' },
    { ...MAIN, uri: 'file:///srv/mirror' },
  ]);
  expect(text).toBe('deb https://deb.example.com/debian bookworm main\n');
});
