import { X509Certificate } from 'node:crypto';
import { GondolinError } from '../errors/gondolin-error.ts';

const BLOCK = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----.*?-----END \1-----/gs;

/** Returns the problem of a PEM text as a clause; null when each certificate in it can be read. */
export function certificateProblem(pem: string): string | null {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) return 'contains no PEM certificate';
  const broken = blocks.findIndex((block) => !isCertificate(block));
  if (broken < 0) return null;
  return blocks.length === 1
    ? 'contains a certificate that cannot be read'
    : `certificate ${broken + 1} of ${blocks.length} in it cannot be read`;
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
}

/**
 * Checks additional roots for servers' TLS before use: Node's TLS silently skips certificates that it cannot read.
 *
 * @throws {GondolinError} NET_CA_INVALID naming the text by its place in the list.
 */
export function checkRoots(ca: readonly string[]): void {
  for (const [index, pem] of ca.entries()) {
    // A program without types may pass a Buffer.
    const problem = typeof pem === 'string' ? certificateProblem(pem) : 'is not a string';
    if (problem === null) continue;
    throw new GondolinError('NET_CA_INVALID', `ca: text ${index + 1} of ${ca.length} ${problem}`);
  }
}
