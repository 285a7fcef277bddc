import { relative, resolve } from 'node:path';
import { isReservedGuestPath, resolveGuestPath } from '../config/check/guest-path.ts';
import type { FileAccess } from '../config/file-access.ts';
import type { Remarks } from './remark.ts';

/** Where a conversion reads and what it has to tell. */
export interface ConvertContext {
  readonly access: FileAccess;
  readonly remarks: Remarks;
  /** Directory at which relative paths of the input start. */
  readonly inputDirectory: string;
  /** Directory of the file to be written: its paths are relative to it. */
  readonly outputDirectory: string;
}

/** Returns a path of the input, absolute and as the written file spells it: `./data`, `../x`, or absolute as it was. */
export function movePath(context: ConvertContext, path: string): { path: string; shown: string } {
  const absolute = resolve(context.inputDirectory, path);
  if (path.startsWith('/')) return { path: absolute, shown: absolute };
  const moved = relative(context.outputDirectory, absolute);
  if (moved === '') return { path: absolute, shown: '.' };
  return {
    path: absolute,
    shown: moved.startsWith('../') || moved === '..' ? moved : `./${moved}`,
  };
}

/** Returns the reason why nothing can be mounted at a guest path, or null. */
export function guestPathProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'the guest path is not absolute';
  const clean = resolveGuestPath(path, '/') ?? '/';
  return isReservedGuestPath(clean) ? "the guest path is reserved for the guest's system" : null;
}
