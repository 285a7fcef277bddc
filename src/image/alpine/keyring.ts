import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { alpineError, quotedText } from './alpine-error.ts';
import { ALPINE_LIMITS } from './limits.ts';

/** A public key that packages and indexes may be signed with, by the name of its file. */
export interface ApkKey {
  readonly name: string;
  readonly pem: Buffer;
  readonly key: KeyObject;
}

/** The keys of one directory, as `/etc/apk/keys` has them. */
export interface Keyring {
  readonly directory: string;
  readonly keys: ReadonlyMap<string, ApkKey>;
  /** Digest over the names and keys: 64 hex digits. */
  readonly digest: string;
}

/** A signature names its key by this, and it becomes part of a path. */
export const KEY_NAME = /^[A-Za-z0-9@_+-][A-Za-z0-9@._+-]{0,199}$/;

/**
 * Reads the keys of a directory: files whose names end in `.pub`.
 *
 * @throws {GondolinError} IMAGE_KEY_MISSING when there is no such directory or no key in it; IMAGE_KEY_INVALID naming the file.
 */
export async function readKeyring(directory: string): Promise<Keyring> {
  const names = await readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    throw alpineError(
      'IMAGE_KEY_MISSING',
      `cannot read the keys in ${directory}: ${cause.code}`,
      cause,
    );
  });
  const wanted = names.filter((name) => name.endsWith('.pub') && KEY_NAME.test(name)).toSorted();
  if (wanted.length === 0) {
    throw alpineError('IMAGE_KEY_MISSING', `there is no key (a file NAME.rsa.pub) in ${directory}`);
  }
  if (wanted.length > ALPINE_LIMITS.keys) {
    throw alpineError(
      'IMAGE_KEY_INVALID',
      `there are more than ${ALPINE_LIMITS.keys} keys in ${directory}`,
    );
  }
  const keys = new Map<string, ApkKey>();
  const hash = createHash('sha256');
  for (const name of wanted) {
    const key = await readKey(directory, name);
    keys.set(name, key);
    hash.update(`${name}\0${key.pem.length}\0`).update(key.pem);
  }
  return { directory, keys, digest: hash.digest('hex') };
}

async function readKey(directory: string, name: string): Promise<ApkKey> {
  const path = join(directory, name);
  const refused = (problem: string, cause?: unknown) =>
    alpineError('IMAGE_KEY_INVALID', `the key ${path} ${problem}`, cause);
  try {
    const { size } = await stat(path);
    if (size > ALPINE_LIMITS.keyBytes) throw refused(`has ${size} bytes`);
    const pem = await readFile(path);
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'rsa')
      throw refused(`is ${quotedText(String(key.asymmetricKeyType))}, not RSA`);
    return { name, pem, key };
  } catch (cause) {
    if (GondolinError.is(cause)) throw cause;
    throw refused('is not a public key in PEM form', cause);
  }
}
