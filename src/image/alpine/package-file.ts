import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { alpineError, quotedText } from './alpine-error.ts';
import { type GzipMember, readGzipMember } from './gzip-members.ts';
import type { Keyring } from './keyring.ts';
import { ALPINE_LIMITS } from './limits.ts';
import { type PackageInfo, readPackageInfo } from './package-info.ts';
import type { ApkPackage } from './package-record.ts';
import { checkKnownSignatures, isSignaturePart } from './signature.ts';
import { readTarFiles, type TarFile } from './tar-files.ts';

export const SCRIPT_KINDS = [
  'pre-install',
  'post-install',
  'pre-deinstall',
  'post-deinstall',
  'pre-upgrade',
  'post-upgrade',
  'trigger',
] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

/** A package on this disk whose control part is the one that its index vouches for. */
export interface PackageFile {
  readonly path: string;
  readonly pkg: ApkPackage;
  readonly info: PackageInfo;
  readonly scripts: ReadonlyMap<ScriptKind, Buffer>;
  /** Where the archive of its files begins. */
  readonly dataStart: number;
  readonly sizeBytes: number;
}

const FIRST_READ_BYTES = 64 * 1024;

/**
 * Opens a package and checks its control part: against the checksum of the index, and against each signature in it by a
 * known key. The data part is checked by `readPackageData`.
 *
 * @throws {GondolinError} IMAGE_REPOSITORY_INVALID, IMAGE_SIGNATURE_INVALID.
 * @see apk-v2(5)
 */
export async function openPackage(
  path: string,
  pkg: ApkPackage,
  keyring: Keyring,
): Promise<PackageFile> {
  const where = `package ${pkg.name}-${pkg.version}`;
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size !== pkg.sizeBytes) {
      throw refused(where, `has ${size} bytes, and ${pkg.sizeBytes} in the index`);
    }
    const { head, signatures, control } = await readControl(file, size, where);
    const bytes = head.subarray(control.member.start, control.member.end);
    checkChecksum(pkg, bytes, where);
    if (signatures !== null) checkKnownSignatures(signatures, bytes, keyring, where);
    const text = control.files.find(({ name }) => name === '.PKGINFO')?.content.toString('utf8');
    if (text === undefined) throw refused(where, 'has no file .PKGINFO');
    const info = readPackageInfo(text, where);
    if (info.name !== pkg.name || info.version !== pkg.version) {
      throw refused(where, `says that it is ${quotedText(`${info.name}-${info.version}`)}`);
    }
    const scripts = readScripts(control.files);
    return { path, pkg, info, scripts, dataStart: control.member.end, sizeBytes: size };
  } finally {
    await file.close();
  }
}

interface Part {
  readonly member: GzipMember;
  readonly files: readonly TarFile[];
}

async function readControl(
  file: FileHandle,
  size: number,
  where: string,
): Promise<{ head: Buffer; signatures: readonly TarFile[] | null; control: Part }> {
  for (let length = Math.min(FIRST_READ_BYTES, size); ; length = Math.min(length * 4, size)) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    const head = buffer.subarray(0, bytesRead);
    try {
      const first = readPart(head, 0);
      if (!isSignaturePart(first.files)) return { head, signatures: null, control: first };
      const control = readPart(head, first.member.end);
      return { head, signatures: first.files, control };
    } catch (cause) {
      // The part may be longer than what was read of it.
      if (length < size && length < ALPINE_LIMITS.controlBytes) continue;
      throw refused(where, `cannot be read: ${(cause as Error).message}`, cause);
    }
  }
}

function readPart(head: Buffer, start: number): Part {
  const member = readGzipMember(head, start, ALPINE_LIMITS.controlTextBytes);
  return { member, files: readTarFiles(member.content) };
}

function checkChecksum({ checksum }: ApkPackage, control: Buffer, where: string): void {
  const [kind, algorithm] = checksum.startsWith('Q2') ? ['Q2', 'sha256'] : ['Q1', 'sha1'];
  const actual = `${kind}${createHash(algorithm ?? '')
    .update(control)
    .digest('base64')}`;
  if (actual !== checksum) {
    throw refused(where, `has the checksum ${actual}, and ${checksum} in the index`);
  }
}

function readScripts(files: readonly TarFile[]): Map<ScriptKind, Buffer> {
  const scripts = new Map<ScriptKind, Buffer>();
  for (const kind of SCRIPT_KINDS) {
    const script = files.find(({ name }) => name === `.${kind}`);
    if (script !== undefined) scripts.set(kind, script.content);
  }
  return scripts;
}

function refused(where: string, problem: string, cause?: unknown) {
  return alpineError('IMAGE_REPOSITORY_INVALID', `${where} ${problem}`, cause);
}
