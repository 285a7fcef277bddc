import { createHash } from 'node:crypto';
import type { SystemContents, SystemPackage } from './installed-packages.ts';

/** An image whose packages are to be listed. */
export interface ListedImage extends SystemContents {
  readonly name: string;
  /** 64 hex digits of the root file system's digest. */
  readonly rootfsSha256: string;
  /** `uname -r`. */
  readonly kernelRelease: string;
}

/** The author and the time of a document. */
export interface DocumentFacts {
  /** Version of gondolin. */
  readonly version: string;
  readonly createdAtMs: number;
}

const UNKNOWN = 'NOASSERTION';
const IMAGE_ID = 'SPDXRef-Image';
const KERNEL_ID = 'SPDXRef-Kernel';

/**
 * Returns the SPDX document of an image. Licences are not judged: what a package says about its own is a comment. Pure: the same image
 * and time give the same document.
 *
 * @see SPDX 2.3, spdx.github.io/spdx-spec/v2.3; purl-spec, types deb and apk
 */
export function spdxDocument(image: ListedImage, facts: DocumentFacts): object {
  const ids = uniqueIds(image.packages);
  const packages = image.packages.map((one, index) => ({
    ...spdxPackage(one, image),
    SPDXID: ids[index] ?? '',
  }));
  const contained = [KERNEL_ID, ...ids].map((id) => relationship(IMAGE_ID, 'CONTAINS', id));
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: image.name,
    documentNamespace: `urn:uuid:${uuidOf(image, facts)}`,
    creationInfo: {
      created: new Date(facts.createdAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: gondolin-${facts.version}`],
    },
    packages: [imagePackage(image), kernelPackage(image), ...packages],
    relationships: [relationship('SPDXRef-DOCUMENT', 'DESCRIBES', IMAGE_ID), ...contained],
  };
}

function relationship(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

const COMMON = {
  downloadLocation: UNKNOWN,
  filesAnalyzed: false,
  licenseConcluded: UNKNOWN,
  licenseDeclared: UNKNOWN,
  copyrightText: UNKNOWN,
} as const;

function imagePackage({ name, rootfsSha256, system }: ListedImage): object {
  return {
    ...{ SPDXID: IMAGE_ID, name, versionInfo: `sha256:${rootfsSha256}`, ...COMMON },
    ...(system.title === '' ? {} : { description: system.title }),
    primaryPackagePurpose: 'OPERATING-SYSTEM',
    checksums: [{ algorithm: 'SHA256', checksumValue: rootfsSha256 }],
  };
}

function kernelPackage({ kernelRelease }: ListedImage): object {
  const about = { SPDXID: KERNEL_ID, name: 'linux', versionInfo: kernelRelease, ...COMMON };
  return { ...about, primaryPackagePurpose: 'OPERATING-SYSTEM' };
}

function spdxPackage(one: SystemPackage, { system }: ListedImage): object {
  const { name, version, source, maintainer, homepage, license, summary } = one;
  return {
    ...{ name, versionInfo: version, ...COMMON },
    supplier: maintainer === '' ? UNKNOWN : `Organization: ${maintainer}`,
    ...(/^https?:\/\/\S+$/.test(homepage) ? { homepage } : {}),
    ...(source === '' ? {} : { sourceInfo: `built from ${source}` }),
    ...(license === '' ? {} : { licenseComments: `the package says: ${license}` }),
    ...(summary === '' ? {} : { summary }),
    externalRefs: [
      {
        referenceCategory: 'PACKAGE-MANAGER',
        referenceType: 'purl',
        referenceLocator: purl(one, system),
      },
    ],
  };
}

function purl({ kind, name, version, arch }: SystemPackage, system: SystemContents['system']) {
  const vendor = system.id || (kind === 'deb' ? 'debian' : 'alpine');
  const place = [kind, vendor, name].map(encodeURIComponent).join('/');
  const distro = system.version === '' ? vendor : `${vendor}-${system.version}`;
  const about = [`arch=${encodeURIComponent(arch)}`, `distro=${encodeURIComponent(distro)}`];
  return `pkg:${place}@${encodeURIComponent(version)}?${about.join('&')}`;
}

/** Ids have letters, digits, `.` and `-` only, so that two names may lead to one. */
function uniqueIds(packages: readonly SystemPackage[]): string[] {
  const used = new Set<string>();
  return packages.map(({ kind, name, arch }) => {
    const base = `SPDXRef-${kind}-${name}-${arch}`.replaceAll(/[^A-Za-z0-9.-]/g, '-');
    let id = base;
    for (let number = 2; used.has(id); number += 1) id = `${base}-${number}`;
    used.add(id);
    return id;
  });
}

/** The same document has the same id. RFC 9562, version 8. */
function uuidOf({ name, rootfsSha256, kernelRelease }: ListedImage, facts: DocumentFacts): string {
  const text = JSON.stringify([
    name,
    rootfsSha256,
    kernelRelease,
    facts.version,
    facts.createdAtMs,
  ]);
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
