import { pathText } from '../../agent/files/file-error.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { FILES_OPEN } from '../../protocol/constants.ts';
import type { FilesPath } from '../../protocol/files/files-request.ts';
import type { ListedPage, PageEntry } from './decode.ts';
import type { FilesSession } from './files-session.ts';
import { OpenGuestFile } from './open-file.ts';

/** Entries of one directory that are collected: a guest can make a directory without end. */
export const MAX_ENTRIES = 200_000;

export interface DirectoryRequest {
  readonly path: FilesPath;
  readonly attributes: boolean;
  /** If true, a symbolic link at the path is ENOTDIR. @default false */
  readonly nofollow?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Yields the entries of a directory, page by page, without `.` and `..`. It is closed when the caller takes no more. */
export async function* readPages(
  session: FilesSession,
  { path, attributes, nofollow = false, signal }: DirectoryRequest,
): AsyncGenerator<ListedPage, void> {
  const follow = nofollow ? FILES_OPEN.NOFOLLOW : 0;
  const bits = FILES_OPEN.READ | FILES_OPEN.DIRECTORY | follow;
  const directory = await OpenGuestFile.start(session, { path, bits, mode: 0, signal });
  try {
    const first = directory.list(attributes);
    first.catch(() => undefined);
    await directory.opened;
    for (let page = await first; ; page = await directory.list(attributes)) {
      yield page;
      if (page.isLast) return;
    }
  } finally {
    void directory.discard();
  }
}

/** Returns all entries of a directory, in the guest's order. @throws {GondolinError} FILES_TOO_LARGE above MAX_ENTRIES. */
export async function collectEntries(
  session: FilesSession,
  request: DirectoryRequest,
): Promise<PageEntry[]> {
  const all: PageEntry[] = [];
  for await (const { entries } of readPages(session, request)) {
    all.push(...entries);
    if (all.length > MAX_ENTRIES) {
      const where = pathText(request.path);
      throw new GondolinError('FILES_TOO_LARGE', `${where}: more than ${MAX_ENTRIES} entries`, {
        details: { path: where, limit: MAX_ENTRIES },
      });
    }
  }
  return all;
}
