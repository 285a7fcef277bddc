import { type KeyObject, randomBytes } from 'node:crypto';

/** An Ed25519 key pair in the formats of OpenSSH. */
export interface OpensshKey {
  /** Contents of a private key file, not encrypted. */
  readonly privateText: string;
  /** `ssh-ed25519 AAAA…`, without a comment and without a line end. */
  readonly publicText: string;
}

const TYPE = 'ssh-ed25519';
const MAGIC = 'openssh-key-v1\0';
/** The private part is padded to the block size of the cipher; `none` counts as 8. */
const BLOCK_BYTES = 8;

/** A string of RFC 4251 §5: its length in four bytes, and its bytes. */
function field(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function rawKey(key: KeyObject, part: 'x' | 'd'): Buffer {
  return Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url');
}

function padded(data: Buffer): Buffer {
  const missing = (BLOCK_BYTES - (data.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([data, Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, missing))]);
}

/**
 * Writes an Ed25519 private key as OpenSSH does (PROTOCOL.key): neither OpenSSH nor ssh2 reads PKCS #8 for this type.
 * @param comment  Stored in the private key, printable.
 */
export function encodeOpensshKey(privateKey: KeyObject, comment: string): OpensshKey {
  const publicRaw = rawKey(privateKey, 'x');
  const publicBlob = Buffer.concat([field(TYPE), field(publicRaw)]);
  // Equal check values show that the key was decrypted with the right passphrase.
  const check = randomBytes(4);
  const secret = Buffer.concat([rawKey(privateKey, 'd'), publicRaw]);
  const own = [check, check, field(TYPE), field(publicRaw), field(secret), field(comment)];
  const blob = Buffer.concat([
    Buffer.from(MAGIC, 'latin1'),
    ...[field('none'), field('none'), field('')],
    Buffer.from([0, 0, 0, 1]),
    field(publicBlob),
    field(padded(Buffer.concat(own))),
  ]);
  const lines = blob.toString('base64').match(/.{1,70}/g) ?? [];
  const privateText = [
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    ...lines,
    '-----END OPENSSH PRIVATE KEY-----',
    '',
  ].join('\n');
  return { privateText, publicText: `${TYPE} ${publicBlob.toString('base64')}` };
}
