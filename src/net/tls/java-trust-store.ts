import { createHash } from 'node:crypto';

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const TRUSTED_CERTIFICATE = 2;
/** Java's own default; a trust store holds nothing secret. */
const PASSWORD = 'changeit';
/** Part of the format: mixed into its digest (OpenJDK, sun.security.provider.JavaKeyStore). */
const WHITENER = 'Mighty Aphrodite';

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Java's writeUTF, for ASCII. */
function utf(text: string): Buffer {
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16BE(text.length);
  bytes.write(text, 2, 'latin1');
  return bytes;
}

/**
 * Returns a Java trust store of type JKS, which every Java reads. Equal for equal certificates.
 * @param certificates  In DER; duplicates are dropped.
 */
export function encodeTrustStore(certificates: readonly Uint8Array[]): Buffer {
  const unique = [
    ...new Map(certificates.map((der) => [Buffer.from(der).toString('hex'), der])).values(),
  ];
  const entries = unique.map((der, index) =>
    Buffer.concat([
      uint32(TRUSTED_CERTIFICATE),
      utf(`gondolin-${index}`),
      // Creation time in milliseconds; unset.
      Buffer.alloc(8),
      utf('X.509'),
      uint32(der.length),
      der,
    ]),
  );
  const body = Buffer.concat([uint32(MAGIC), uint32(VERSION), uint32(entries.length), ...entries]);
  const digest = createHash('sha1')
    .update(Buffer.from(PASSWORD, 'utf16le').swap16())
    .update(WHITENER)
    .update(body)
    .digest();
  return Buffer.concat([body, digest]);
}
