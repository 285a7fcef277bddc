import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { lstat, open, readlink, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import type { StepInput } from '../../config/config.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { DigestMemo } from './digest-memo.ts';
import { findInputs } from './find-inputs.ts';
import type { InputFile } from './key-chain.ts';

const CHUNK_BYTES = 1024 * 1024;
const READERS = 8;
/** A file that changes during every reading is being written: reading it is given up. */
const MAX_READINGS = 3;

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino;
}

/** Returns the sha256 of a file's content; reads again when the file changed meanwhile. */
async function digestContent(path: string, memo: DigestMemo): Promise<string> {
  // Without O_NONBLOCK, opening a FIFO that took the file's place would block.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    for (let reading = 1; ; reading += 1) {
      const before = await file.stat({ bigint: true });
      if (!before.isFile()) throw unreadable(path, 'is no longer a file');
      const known = memo.find(path, before);
      if (known !== null) return known;
      const readAtMs = Date.now();
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Number(before.size) + 1));
      for (let at = 0; ; ) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
      const digest = hash.digest('hex');
      if (isSame(before, await file.stat({ bigint: true }))) {
        memo.add(path, before, digest, readAtMs);
        return digest;
      }
      if (reading === MAX_READINGS) throw unreadable(path, 'keeps changing while it is read');
    }
  } finally {
    await file.close();
  }
}

function unreadable(path: string, reason: string, cause?: unknown): GondolinError {
  return new GondolinError('PROJECT_INPUT_UNREADABLE', `input ${path} ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { path },
  });
}

/**
 * Describes what counts for one path: a file's content and execute bit; a link's text and, if it leads to a file, that file
 * too.
 */
async function describe(path: string, memo: DigestMemo): Promise<readonly string[]> {
  const named = await lstat(path, { bigint: true });
  if (!named.isSymbolicLink()) {
    if (!named.isFile()) throw unreadable(path, 'is no longer a file');
    return describeFile(path, named, memo);
  }
  const text = await readlink(path);
  const target = await stat(path, { bigint: true }).catch(() => null);
  if (target?.isFile() !== true) return ['link', text];
  return ['link', text, ...(await describeFile(path, target, memo))];
}

async function describeFile(
  path: string,
  found: BigIntStats,
  memo: DigestMemo,
): Promise<readonly string[]> {
  const mode = (found.mode & 0o111n) === 0n ? 'file' : 'program';
  return [mode, memo.find(path, found) ?? (await digestContent(path, memo))];
}

/**
 * Returns a digest of a file or link: 64 hex digits.
 * @throws {GondolinError} PROJECT_INPUT_UNREADABLE
 */
export async function digestOne(path: string, memo: DigestMemo): Promise<string> {
  try {
    return createHash('sha256')
      .update(JSON.stringify(await describe(path, memo)))
      .digest('hex');
  } catch (cause) {
    if (GondolinError.is(cause)) throw cause;
    throw unreadable(path, `cannot be read: ${(cause as NodeJS.ErrnoException).code}`, cause);
  }
}

/** Returns the digests of files and links, some at a time, in the order of their paths. @throws as {@link digestOne} */
export async function digestAll(paths: readonly string[], memo: DigestMemo): Promise<string[]> {
  const digests: string[] = [];
  const waiting = paths.entries();
  const work = async () => {
    for (const [index, path] of waiting) digests[index] = await digestOne(path, memo);
  };
  await Promise.all(Array.from({ length: READERS }, work));
  return digests;
}

/**
 * Returns the inputs of one step by their contents, in a fixed order. An unchanged file is not read again.
 * @param projectDirectory  Base of the relative paths.
 * @throws {GondolinError} PROJECT_INPUT_MISSING, PROJECT_INPUT_LIMIT, PROJECT_INPUT_UNREADABLE.
 */
export async function digestInputs(
  inputs: readonly StepInput[],
  projectDirectory: string,
  memo: DigestMemo,
): Promise<InputFile[]> {
  if (inputs.length === 0) return [];
  const paths = await findInputs(inputs);
  const digests = await digestAll(paths, memo);
  return paths.map((path, index) => ({
    path: relative(projectDirectory, path),
    digest: digests[index] ?? '',
  }));
}
