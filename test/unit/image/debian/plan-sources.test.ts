import { expect, it } from 'vitest';
import { type AptSource, formatSourceList } from '../../../../src/image/debian/apt-source.ts';
import { type HostPackageFacts, planSources } from '../../../../src/image/debian/plan-sources.ts';

function source(suite: string, changes: Partial<AptSource> = {}): AptSource {
  const uri = 'http://deb.example.com/debian';
  return { uri, suite, components: ['main'], signedBy: null, isTrusted: false, ...changes };
}

const HOST: HostPackageFacts = {
  sources: [
    source('bookworm', { components: ['main', 'contrib'], signedBy: '/k.gpg' }),
    source('bookworm-updates'),
    source('bookworm-security', { uri: 'http://deb.example.com/debian-security' }),
    source('bookworm-backports'),
    source('bookworm', { uri: 'http://other.example.com', components: ['stable'] }),
    source('bookworm', { uri: 'cdrom:[Debian]/' }),
    source('nodistro', { uri: 'http://node.example.com' }),
  ],
  osId: 'debian',
  codename: 'bookworm',
  debianKeyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
};

const places = (sources: readonly AptSource[]): string[] =>
  sources.map(({ uri, suite }) => `${uri} ${suite}`);

it('planSources() takes release, updates and security of the host, and nothing of third parties', () => {
  const planned = planSources({ release: 'bookworm', mirror: null }, HOST);
  expect(places(planned)).toEqual([
    'http://deb.example.com/debian bookworm',
    'http://deb.example.com/debian bookworm-updates',
    'http://deb.example.com/debian-security bookworm-security',
  ]);
  expect(planned[0]).toMatchObject({ components: ['main'], signedBy: '/k.gpg' });
});

it('planSources() puts another code name in when the host has a different release', () => {
  expect(places(planSources({ release: 'trixie', mirror: null }, HOST))).toEqual([
    'http://deb.example.com/debian trixie',
    'http://deb.example.com/debian trixie-updates',
    'http://deb.example.com/debian-security trixie-security',
  ]);
});

it('planSources() prefers entries that name the release itself', () => {
  const own = source('trixie', { uri: 'http://trixie.example.com/debian' });
  const host = { ...HOST, sources: [...HOST.sources, own] };
  expect(places(planSources({ release: 'trixie', mirror: null }, host))).toEqual([
    'http://trixie.example.com/debian trixie',
  ]);
});

it('planSources() takes a mirror with its sibling for security, signed by the archive key', () => {
  const planned = planSources(
    { release: 'bookworm', mirror: 'https://m.example.com/debian/' },
    {
      ...HOST,
      sources: [],
    },
  );
  expect(places(planned)).toEqual([
    'https://m.example.com/debian bookworm',
    'https://m.example.com/debian bookworm-updates',
    'https://m.example.com/debian-security bookworm-security',
  ]);
  expect(planned.every(({ signedBy }) => signedBy === HOST.debianKeyring)).toBe(true);
});

it('planSources() takes only the release from a mirror that is not named /debian', () => {
  expect(places(planSources({ release: 'bookworm', mirror: 'file:///srv/mirror' }, HOST))).toEqual([
    'file:///srv/mirror bookworm',
  ]);
});

it.each([
  ['the host is not Debian', { ...HOST, osId: 'ubuntu' }],
  ['the host has no sources', { ...HOST, sources: [] }],
  ['only updates are named', { ...HOST, sources: [source('bookworm-updates')] }],
])('planSources() throws IMAGE_SOURCES_MISSING when %s', (_, host) => {
  expect(() => planSources({ release: 'trixie', mirror: null }, host)).toThrow(
    expect.objectContaining({ code: 'IMAGE_SOURCES_MISSING' }),
  );
});

it('planSources() takes the packages of a snapshot from the service of the mirror or of the environment', () => {
  const snapshot = '2026-11-01T02:03:04Z';
  const wanted = { release: 'bookworm', mirror: null, snapshot };
  const service = 'https://snapshot.example.com/archive/';
  const planned = planSources({ ...wanted, snapshotService: service }, HOST);
  expect(places(planned)).toEqual([
    'https://snapshot.example.com/archive/debian/20261101T020304Z bookworm',
    'https://snapshot.example.com/archive/debian/20261101T020304Z bookworm-updates',
    'https://snapshot.example.com/archive/debian-security/20261101T020304Z bookworm-security',
  ]);
  expect(formatSourceList(planned.slice(0, 1))).toBe(
    `deb [signed-by=${HOST.debianKeyring} check-valid-until=no] https://snapshot.example.com/archive/debian/20261101T020304Z bookworm main\n`,
  );
  expect(places(planSources({ ...wanted, mirror: service }, HOST))).toEqual(places(planned));
  expect(() => planSources(wanted, HOST)).toThrow('no snapshot service is named');
});
