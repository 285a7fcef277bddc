import { posix } from 'node:path';
import { rootCertificates } from 'node:tls';
import { browserPolicies } from './browser-policies.ts';
import type { GuestFile } from './guest-file.ts';
import { TRUST_NAMES as NAMES, TRUST_DIRECTORY } from './guest-trust-env.ts';
import { encodeTrustStore } from './java-trust-store.ts';
import { nodeRoots, readCertificates } from './read-certificates.ts';
import { subjectHash } from './subject-hash.ts';

export interface TrustOptions {
  /** Certificate of the authority, PEM. */
  readonly certificatePem: string;
  /** Additional roots in PEM, for `passthrough` hosts with a private authority. @default none */
  readonly extraRoots?: readonly string[];
  /** @default /etc/gondolin */
  readonly directory?: string;
}

/** Bundles of distributions; missing ones are created, which does no harm. */
const SYSTEM_BUNDLES = [
  // Debian, Alpine, Arch; Go looks here first, too.
  '/etc/ssl/certs/ca-certificates.crt',
  // Fedora and its relatives.
  '/etc/pki/tls/certs/ca-bundle.crt',
];
/** Sources of `update-ca-certificates` and `update-ca-trust`, which packages run to rebuild the bundles. */
const SYSTEM_ANCHORS = [
  '/usr/local/share/ca-certificates/gondolin.crt',
  '/etc/pki/ca-trust/source/anchors/gondolin.crt',
];
/** Directory in which OpenSSL looks up a certificate by the hash of its subject. */
const HASH_DIRECTORY = '/etc/ssl/certs';

function withLineEnd(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

/** Files that make the guest trust the authority, in any order: our own ones, and entries in the system's places. */
export function guestTrustFiles({
  certificatePem,
  extraRoots = [],
  directory = TRUST_DIRECTORY,
}: TrustOptions): GuestFile[] {
  const ca = withLineEnd(certificatePem);
  const added = [ca, ...extraRoots].map(withLineEnd).join('');
  const own = (name: string, data: Buffer): GuestFile => ({
    path: posix.join(directory, name),
    data,
    append: false,
    mode: 0o644,
  });
  const caFile = Buffer.from(ca, 'latin1');
  const certificates = [...readCertificates([ca, ...extraRoots]), ...nodeRoots()];
  // The system's bundle may lack a line end.
  const appended = Buffer.from(`\n${added}`, 'latin1');
  return [
    own(NAMES.ca, Buffer.from(added, 'latin1')),
    own(NAMES.bundle, Buffer.from(added + rootCertificates.map(withLineEnd).join(''), 'latin1')),
    { ...own(NAMES.javaStore, encodeTrustStore(certificates)), isJavaStore: true },
    ...browserPolicies([ca, ...extraRoots], directory),
    ...SYSTEM_BUNDLES.map((path) => ({ path, data: appended, append: true, mode: 0o644 })),
    ...[...SYSTEM_ANCHORS, posix.join(HASH_DIRECTORY, `${subjectHash(ca)}.0`)].map((path) => ({
      path,
      data: caFile,
      append: false,
      mode: 0o644,
    })),
  ];
}
