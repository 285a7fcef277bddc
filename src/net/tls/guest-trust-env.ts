import { posix } from 'node:path';

/** Where our files are in the guest. */
export const TRUST_DIRECTORY = '/etc/gondolin';

/** Names of our files there. */
export const TRUST_NAMES = {
  ca: 'ca.crt',
  bundle: 'ca-bundle.crt',
  javaStore: 'truststore.jks',
} as const;

/**
 * Variables for the guest, so that programs with roots of their own trust the authority too. The bundle holds the public
 * roots of this Node as well: hosts of `passthrough` keep working, also in an image without ca-certificates.
 */
export function guestTrustEnv(directory: string = TRUST_DIRECTORY): Record<string, string> {
  const ca = posix.join(directory, TRUST_NAMES.ca);
  const bundle = posix.join(directory, TRUST_NAMES.bundle);
  const javaStore = posix.join(directory, TRUST_NAMES.javaStore);
  return {
    // Adds to the roots built in: Node, npm, yarn, pnpm, Bun, Electron.
    NODE_EXTRA_CA_CERTS: ca,
    // Everything else replaces its roots. OpenSSL, Python's ssl, Ruby, Go, rustls-native-certs, uv, Nix:
    SSL_CERT_FILE: bundle,
    NIX_SSL_CERT_FILE: bundle,
    CURL_CA_BUNDLE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    PIP_CERT: bundle,
    GIT_SSL_CAINFO: bundle,
    AWS_CA_BUNDLE: bundle,
    CARGO_HTTP_CAINFO: bundle,
    DENO_CERT: ca,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: bundle,
    CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: bundle,
    // Java knows no bundle and no variable of its own; it says on stderr that it read this one.
    JAVA_TOOL_OPTIONS: `-Djavax.net.ssl.trustStore=${javaStore} -Djavax.net.ssl.trustStoreType=JKS`,
  };
}
