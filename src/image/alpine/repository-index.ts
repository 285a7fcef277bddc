import { alpineError } from './alpine-error.ts';
import { type GzipMember, readGzipMember } from './gzip-members.ts';
import type { ApkKey, Keyring } from './keyring.ts';
import { ALPINE_LIMITS } from './limits.ts';
import { type ApkPackage, readPackageRecord } from './package-record.ts';
import { checkSignature, isSignaturePart } from './signature.ts';
import { readTarFiles, type TarFile } from './tar-files.ts';

/** The packages of a repository, and the key that its index is signed with. */
export interface RepositoryIndex {
  readonly packages: readonly ApkPackage[];
  readonly signer: ApkKey;
}

/**
 * Reads `APKINDEX.tar.gz`: a gzip stream with signatures, and after it what they sign, an archive with the file `APKINDEX`. The
 * signature is checked before anything of the second is decompressed.
 *
 * @param url  Where it is from, for messages.
 * @throws {GondolinError} IMAGE_SIGNATURE_INVALID, IMAGE_KEY_MISSING, IMAGE_REPOSITORY_INVALID.
 */
export function readRepositoryIndex(file: Buffer, keyring: Keyring, url: string): RepositoryIndex {
  const where = `the index ${url}`;
  const signatures = readPart(file, 0, ALPINE_LIMITS.controlTextBytes, where);
  if (!isSignaturePart(signatures.files)) {
    throw alpineError('IMAGE_SIGNATURE_INVALID', `${where} is not signed`);
  }
  const signed = file.subarray(signatures.member.end);
  const signer = checkSignature(signatures.files, signed, keyring, where);
  const { files } = readPart(file, signatures.member.end, ALPINE_LIMITS.indexTextBytes, where);
  const index = files.find(({ name }) => name === 'APKINDEX');
  if (index === undefined) {
    throw alpineError('IMAGE_REPOSITORY_INVALID', `${where} has no file APKINDEX`);
  }
  return { packages: parsePackages(index.content.toString('utf8'), where), signer };
}

function readPart(
  file: Buffer,
  start: number,
  maxBytes: number,
  where: string,
): { member: GzipMember; files: TarFile[] } {
  try {
    const member = readGzipMember(file, start, maxBytes);
    return { member, files: readTarFiles(member.content) };
  } catch (cause) {
    const { message } = cause as Error;
    throw alpineError('IMAGE_REPOSITORY_INVALID', `${where} cannot be read: ${message}`, cause);
  }
}

/** Reads the text of an index: records with an empty line after each. */
export function parsePackages(text: string, where: string): ApkPackage[] {
  const packages: ApkPackage[] = [];
  let lines: string[] = [];
  const endRecord = (): void => {
    if (lines.length === 0) return;
    packages.push(readPackageRecord(lines, where));
    lines = [];
    if (packages.length > ALPINE_LIMITS.indexPackages) {
      throw tooMany(where, `${ALPINE_LIMITS.indexPackages} packages`);
    }
  };
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (end - start > ALPINE_LIMITS.lineBytes) {
      throw tooMany(where, `${ALPINE_LIMITS.lineBytes} characters in a line`);
    }
    if (end === start) endRecord();
    else lines.push(text.slice(start, end));
    if (lines.length > LINES_MAX) throw tooMany(where, `${LINES_MAX} lines about a package`);
    start = end + 1;
  }
  endRecord();
  return packages;
}

const LINES_MAX = 100;

function tooMany(where: string, what: string) {
  return alpineError('IMAGE_REPOSITORY_INVALID', `${where} has more than ${what}`);
}
