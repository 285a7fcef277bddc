import { posix } from 'node:path';

/** Paths of our files in the guest. */
export const TRUST_DIRECTORY = '/etc/gondolin';

/** Names of our files there. */
export const TRUST_NAMES = {
  ca: 'ca.crt',
  bundle: 'ca-bundle.crt',
  javaStore: 'truststore.jks',
} as const;

export interface TrustEnvOptions {
  /** True if a server's own certificate may reach the guest: passthrough, raw TCP. */
  readonly seesServers: boolean;
  /** @default /etc/gondolin */
  readonly directory?: string;
}

/**
 * Returns variables for the guest, so that programs with their own roots trust the authority too. The bundle also contains the
 * public roots of this Node, for images without ca-certificates. It is named only where it is needed: under TCG OpenSSL takes
 * 0.4 s to read it in each process, two thirds of the time of a small `curl`. Java gets none: it prints each variable from which
 * it takes options, and build tools read its first line for the version.
 */
export function guestTrustEnv({
  seesServers,
  directory = TRUST_DIRECTORY,
}: TrustEnvOptions): Record<string, string> {
  const ca = posix.join(directory, TRUST_NAMES.ca);
  const roots = seesServers ? posix.join(directory, TRUST_NAMES.bundle) : ca;
  return {
    // Added to built-in roots: Node, npm, yarn, pnpm, Bun, Electron.
    NODE_EXTRA_CA_CERTS: ca,
    // These replace the program's roots. OpenSSL, Python's ssl, Ruby, Go, rustls-native-certs, uv, Nix:
    SSL_CERT_FILE: roots,
    NIX_SSL_CERT_FILE: roots,
    CURL_CA_BUNDLE: roots,
    REQUESTS_CA_BUNDLE: roots,
    PIP_CERT: roots,
    GIT_SSL_CAINFO: roots,
    AWS_CA_BUNDLE: roots,
    CARGO_HTTP_CAINFO: roots,
    DENO_CERT: ca,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: roots,
    CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: roots,
  };
}
