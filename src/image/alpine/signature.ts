import { verify } from 'node:crypto';
import { alpineError, quotedText } from './alpine-error.ts';
import { type ApkKey, KEY_NAME, type Keyring } from './keyring.ts';
import type { TarFile } from './tar-files.ts';

/** The digests that signatures are made over, the stronger first, by the second word of their names. */
const ALGORITHMS: readonly (readonly [prefix: string, digest: string])[] = [
  ['.SIGN.RSA512.', 'sha512'],
  ['.SIGN.RSA256.', 'sha256'],
  ['.SIGN.RSA.', 'sha1'],
];

interface Signature {
  readonly digest: string;
  readonly keyName: string;
  readonly content: Buffer;
}

/** Returns true if a stream has signatures and not yet what is signed. */
export function isSignaturePart(files: readonly TarFile[]): boolean {
  return files[0]?.name.startsWith('.SIGN.') === true;
}

function readSignatures(files: readonly TarFile[]): Signature[] {
  return ALGORITHMS.flatMap(([prefix, digest]) =>
    files
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, content }) => ({ digest, keyName: name.slice(prefix.length), content }))
      .filter(({ keyName }) => KEY_NAME.test(keyName)),
  );
}

/**
 * Checks that one of the signatures is by a key of the keyring. One is enough: others may be by keys for newer or older
 * systems.
 *
 * @param what  For messages: `the index https://…`.
 * @returns the key.
 * @throws {GondolinError} IMAGE_KEY_MISSING naming the keys that it is signed with; IMAGE_SIGNATURE_INVALID.
 * @see apk-v2(5), "The signatures"
 */
export function checkSignature(
  files: readonly TarFile[],
  signed: Buffer,
  keyring: Keyring,
  what: string,
): ApkKey {
  const signatures = readSignatures(files);
  if (signatures.length === 0) {
    throw alpineError('IMAGE_SIGNATURE_INVALID', `${what} is not signed with RSA`);
  }
  const signer = findSigner(signatures, signed, keyring, what);
  if (signer !== null) return signer;
  const names = [...new Set(signatures.map(({ keyName }) => quotedText(keyName)))].slice(0, 5);
  throw alpineError(
    'IMAGE_KEY_MISSING',
    `${what} is signed with ${names.join(' and ')}, which is not in ${keyring.directory}`,
  );
}

/**
 * Checks the signatures by known keys. There may be none: what the index vouches for needs no other signature.
 * @throws {GondolinError} IMAGE_SIGNATURE_INVALID.
 */
export function checkKnownSignatures(
  files: readonly TarFile[],
  signed: Buffer,
  keyring: Keyring,
  what: string,
): void {
  findSigner(readSignatures(files), signed, keyring, what);
}

/** A signature by a known key that does not fit is refused, whatever the others say. */
function findSigner(
  signatures: readonly Signature[],
  signed: Buffer,
  keyring: Keyring,
  what: string,
): ApkKey | null {
  let signer: ApkKey | null = null;
  for (const { digest, keyName, content } of signatures) {
    const key = keyring.keys.get(keyName);
    if (key === undefined) continue;
    if (!verify(digest, signed, key.key, content)) {
      throw alpineError(
        'IMAGE_SIGNATURE_INVALID',
        `${what} has a wrong signature by ${quotedText(keyName)}`,
      );
    }
    signer ??= key;
  }
  return signer;
}
