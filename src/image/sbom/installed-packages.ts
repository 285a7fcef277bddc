import { findInode, readFileAt } from '../squashfs/read-file-at.ts';
import type { Squashfs } from '../squashfs/squashfs.ts';

/** A package that a database in an image lists. Untrusted text, of bounded length. */
export interface SystemPackage {
  readonly kind: 'deb' | 'apk';
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** The source package and its version, if they differ from the package's; empty for none. */
  readonly source: string;
  readonly maintainer: string;
  readonly homepage: string;
  /** As the package writes it; empty for none, as in Debian's. */
  readonly license: string;
  readonly summary: string;
}

/** `ID`, `VERSION_ID` and `PRETTY_NAME` of os-release; empty for what it does not say. */
export interface SystemName {
  readonly id: string;
  readonly version: string;
  readonly title: string;
}

/** The packages of an image, and the system that they belong to. */
export interface SystemContents {
  readonly system: SystemName;
  /** By kind, name and processor. */
  readonly packages: readonly SystemPackage[];
}

/** A database with 5,000 packages has 6 MiB. */
const DATABASE_MAX_BYTES = 64 * 2 ** 20;
const SMALL_MAX_BYTES = 64 * 1024;
const FIELD_MAX_CHARS = 1000;
/** Files in the database of a distroless image. */
const PARTS_MAX = 5000;

/**
 * Reads the databases of dpkg (also the one of distroless images, with a file for each package) and apk in an image.
 * @throws {GondolinError} IMAGE_INVALID.
 */
export async function readInstalledPackages(image: Squashfs): Promise<SystemContents> {
  const text = async (path: string, limitBytes = DATABASE_MAX_BYTES) =>
    (await readFileAt(image, path, limitBytes))?.toString('utf8') ?? '';
  const found = [
    ...parseDpkgStatus(await text('/var/lib/dpkg/status')),
    ...(await readDistroless(image)),
    ...parseApkInstalled(await text('/lib/apk/db/installed')),
  ];
  const key = ({ kind, name, arch, version }: SystemPackage) =>
    `${kind} ${name} ${arch} ${version}`;
  const packages = [...new Map(found.map((one) => [key(one), one])).entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, one]) => one);
  const release = (await text('/etc/os-release', SMALL_MAX_BYTES)) || '';
  return { system: parseSystemName(release), packages };
}

async function readDistroless(image: Squashfs): Promise<SystemPackage[]> {
  const directory = await findInode(image, '/var/lib/dpkg/status.d');
  if (directory?.type !== 'directory') return [];
  const packages: SystemPackage[] = [];
  const names = (await image.list(directory)).map(({ name }) => name).slice(0, PARTS_MAX);
  for (const name of names.filter((one) => !one.endsWith('.md5sums'))) {
    const text = await readFileAt(image, `/var/lib/dpkg/status.d/${name}`, DATABASE_MAX_BYTES);
    packages.push(...parseDpkgStatus(text?.toString('utf8') ?? '', 'install ok installed'));
  }
  return packages;
}

/**
 * Reads dpkg's status: the packages that are installed, not those of which only the configuration is left.
 * @param usualStatus  Of stanzas without one.
 */
function parseDpkgStatus(text: string, usualStatus = ''): SystemPackage[] {
  return stanzas(text, /^([A-Za-z0-9-]+):[ \t]*(.*)$/).flatMap((fields): SystemPackage[] => {
    const get = (name: string) => fields.get(name.toLowerCase()) ?? '';
    const status = get('Status') || usualStatus;
    const isInstalled = status.split(' ')[2] === 'installed';
    if (!isInstalled || get('Package') === '' || get('Version') === '') return [];
    return [
      {
        ...{ kind: 'deb', name: get('Package'), version: get('Version') },
        ...{ arch: get('Architecture'), source: debianSource(get('Source'), get('Version')) },
        ...{ maintainer: get('Maintainer'), homepage: get('Homepage'), license: '' },
        summary: get('Description'),
      },
    ];
  });
}

/** `Source: glibc (2.36-9)` or `Source: glibc`, whose version is then that of the package. */
function debianSource(text: string, version: string): string {
  const [, name, own = version] = /^(\S+)(?: \((\S+)\))?$/.exec(text) ?? [];
  return name === undefined ? '' : `${name} ${own}`;
}

/** Reads apk's database of installed packages. */
function parseApkInstalled(text: string): SystemPackage[] {
  return stanzas(text, /^([A-Za-z]):(.*)$/, true).flatMap((fields): SystemPackage[] => {
    const get = (letter: string) => fields.get(letter) ?? '';
    if (get('P') === '' || get('V') === '') return [];
    const source = get('o') === '' || get('o') === get('P') ? '' : `${get('o')} ${get('V')}`;
    return [
      {
        ...{ kind: 'apk', name: get('P'), version: get('V'), arch: get('A'), source },
        ...{ maintainer: get('m'), homepage: get('U'), license: get('L'), summary: get('T') },
      },
    ];
  });
}

/** The fields of each paragraph; the first of a name counts, and lines that continue another are left out. */
function stanzas(text: string, line: RegExp, isCaseKept = false): Map<string, string>[] {
  return text.split(/\n\n+/).map((stanza) => {
    const fields = new Map<string, string>();
    for (const one of stanza.split('\n')) {
      const [, name, value = ''] = line.exec(one) ?? [];
      if (name === undefined) continue;
      const key = isCaseKept ? name : name.toLowerCase();
      if (!fields.has(key)) fields.set(key, value.trim().slice(0, FIELD_MAX_CHARS));
    }
    return fields;
  });
}

function parseSystemName(text: string): SystemName {
  const get = (name: string) => {
    const [, , value = ''] = new RegExp(`^${name}=(["']?)(.*)\\1$`, 'm').exec(text) ?? [];
    return value.slice(0, FIELD_MAX_CHARS);
  };
  return { id: get('ID'), version: get('VERSION_ID'), title: get('PRETTY_NAME') };
}
