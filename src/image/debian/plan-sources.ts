import { GondolinError } from '../../errors/gondolin-error.ts';
import type { AptSource } from './apt-source.ts';

/** This host's release and package sources. */
export interface HostPackageFacts {
  readonly sources: readonly AptSource[];
  /** `ID` of os-release, e.g. `debian`. */
  readonly osId: string;
  /** `VERSION_CODENAME` of os-release, e.g. `bookworm`; empty without one. */
  readonly codename: string;
  /** Path of Debian's archive keyring on this host; null when it is not installed. */
  readonly debianKeyring: string | null;
}

/** A release of Debian, and the place of its packages. */
export interface WantedSources {
  readonly release: string;
  /** Base URL; null for the places of this host. */
  readonly mirror: string | null;
  /** The time that the packages are of, such as `2026-11-01T00:00:00Z`. @default today */
  readonly snapshot?: string;
  /** `GONDOLIN_DEBIAN_SNAPSHOT`: base URL of the snapshot service where `mirror` names none. @default none */
  readonly snapshotService?: string | undefined;
}

/**
 * Returns the sources of a release's packages: the release itself, its updates and its security fixes.
 * Pure.
 *
 * - `mirror` given: that mirror. Security fixes come from its sibling: a mirror that ends in `/debian` has them
 *   in `/debian-security`, as Debian's own do; another one is taken to carry everything itself.
 * - else what the host uses for this release;
 * - else, on a Debian host, what it uses for its own release, with the code name replaced.
 *
 * With `snapshot`, the mirror is that of a snapshot service: above `debian/20261101T000000Z/` and `debian-security/…`.
 *
 * @throws {GondolinError} IMAGE_SOURCES_MISSING when none of these gives a source of the release itself.
 */
export function planSources(wanted: WantedSources, host: HostPackageFacts): AptSource[] {
  const { release, mirror, snapshot } = wanted;
  if (snapshot !== undefined) return snapshotSources(wanted, snapshot, host.debianKeyring);
  if (mirror !== null) return mirrorSources(release, mirror, host.debianKeyring);
  const direct = debianSources(host.sources, release);
  if (direct.some(({ suite }) => suite === release)) return direct;
  const own = host.osId === 'debian' ? debianSources(host.sources, host.codename) : [];
  if (!own.some(({ suite }) => suite === host.codename)) {
    throw new GondolinError(
      'IMAGE_SOURCES_MISSING',
      `Cannot find packages of Debian '${release}': the apt configuration of this host has no source for it`,
      { details: { release, hostId: host.osId } },
    );
  }
  return own.map((source) => ({ ...source, suite: source.suite.replace(host.codename, release) }));
}

/** Third-party repositories sometimes use a code name as suite too, but not the component `main`. */
function debianSources(sources: readonly AptSource[], release: string): AptSource[] {
  const suites = [release, `${release}-updates`, `${release}-security`];
  return sources
    .filter(({ suite, components }) => suites.includes(suite) && components.includes('main'))
    .filter(({ uri }) => !uri.startsWith('cdrom:'))
    .map((source) => ({ ...source, components: ['main'] }));
}

function mirrorSources(release: string, mirror: string, signedBy: string | null): AptSource[] {
  const base = mirror.replace(/\/+$/, '');
  const source = { uri: base, components: ['main'], signedBy, isTrusted: false };
  const sources = [
    { ...source, suite: release },
    { ...source, suite: `${release}-updates` },
  ];
  if (!base.endsWith('/debian')) return sources.slice(0, 1);
  return [...sources, { ...source, uri: `${base}-security`, suite: `${release}-security` }];
}

function snapshotSources(
  { release, mirror, snapshotService }: WantedSources,
  snapshot: string,
  signedBy: string | null,
): AptSource[] {
  const service = mirror ?? snapshotService;
  if (service === undefined) {
    throw new GondolinError(
      'IMAGE_SOURCES_MISSING',
      `Cannot find packages of Debian '${release}' of ${snapshot}: no snapshot service is named`,
      {
        hint: 'Set GONDOLIN_DEBIAN_SNAPSHOT, or build.debian.mirror, to the URL above debian/ and debian-security/ of a snapshot service.',
        details: { release, snapshot },
      },
    );
  }
  const base = service.replace(/\/+$/, '');
  const time = snapshot.replaceAll(/[:-]/g, '');
  const source = { components: ['main'], signedBy, isTrusted: false, isSnapshot: true };
  return [
    { ...source, uri: `${base}/debian/${time}`, suite: release },
    { ...source, uri: `${base}/debian/${time}`, suite: `${release}-updates` },
    { ...source, uri: `${base}/debian-security/${time}`, suite: `${release}-security` },
  ];
}
