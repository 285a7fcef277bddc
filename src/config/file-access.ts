import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { MAX_PROJECT_FILE_BYTES } from './yaml/limits.ts';

export type PathKind = 'file' | 'directory' | 'other' | 'missing';

/** The text of a file, or the reason why it cannot be read. */
export type FileText =
  | { readonly text: string; readonly problem?: never }
  | { readonly problem: string; readonly text?: never };

/** The file system as reading a project needs it. Tests pass one that is backed by a plain object. */
export interface FileAccess {
  readText(path: string): FileText;
  pathKind(path: string): PathKind;
}

function pathKind(path: string): PathKind {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 'missing';
  if (stat.isDirectory()) return 'directory';
  return stat.isFile() ? 'file' : 'other';
}

function failureReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words: Record<string, string> = {
    ENOENT: 'no such file',
    EACCES: 'permission denied',
    ELOOP: 'too many symbolic links',
    ENOTDIR: 'a part of the path is not a directory',
  };
  return words[code] ?? (code === '' ? String(error) : code);
}

function decode(bytes: Uint8Array): FileText {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text };
  } catch {
    return { problem: 'not UTF-8 text' };
  }
}

function readText(path: string): FileText {
  try {
    // Checked before opening, because opening a FIFO would wait for a writer.
    const kind = pathKind(path);
    if (kind === 'missing') return { problem: 'no such file' };
    if (kind !== 'file')
      return { problem: kind === 'directory' ? 'is a directory' : 'is not a file' };
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size > MAX_PROJECT_FILE_BYTES) {
        return { problem: `${size} bytes: at most ${MAX_PROJECT_FILE_BYTES}` };
      }
      return decode(readFileSync(fd));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { problem: failureReason(error) };
  }
}

/** The real file system. `pathKind` follows links and returns `missing` for a path that may not be inspected. */
export const realFiles: FileAccess = {
  readText,
  pathKind: (path) => {
    try {
      return pathKind(path);
    } catch (error) {
      // Without permission to search a directory, nothing below it exists for this user.
      if (error instanceof Error && 'code' in error) return 'missing';
      throw error;
    }
  },
};
