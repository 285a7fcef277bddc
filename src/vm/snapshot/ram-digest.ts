import { createHash } from 'node:crypto';
import { lstat, open } from 'node:fs/promises';
import { nextData } from '../../host/sparse-file.ts';

const CHUNK_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/**
 * Returns the sha256 (64 hex digits) of a saved RAM: over the number and the bytes of each page that is not zero, so that
 * holes, which a copy of the file may have elsewhere, make no difference. About 0.2 s for the 85 MiB of a template. Reads one
 * MiB at a time, so that other work runs in between.
 */
export async function digestRam(path: string): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const file = await open(path, 'r');
  try {
    for (let at = nextData(file.fd, 0); at !== null; ) {
      const start = at - (at % PAGE_BYTES);
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, start);
      if (bytesRead === 0) break;
      addPages(hash, buffer.subarray(0, bytesRead), start);
      at = nextData(file.fd, start + bytesRead);
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

function addPages(hash: ReturnType<typeof createHash>, bytes: Buffer, start: number): void {
  const number = Buffer.alloc(8);
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const page = bytes.subarray(at, at + PAGE_BYTES);
    if (page.equals(page.length === PAGE_BYTES ? ZERO_PAGE : ZERO_PAGE.subarray(0, page.length)))
      continue;
    number.writeBigUInt64LE(BigInt((start + at) / PAGE_BYTES));
    hash.update(number).update(page);
  }
}

/**
 * Returns, as one line, what changes with every write to a file: its size, inode, and times of change. No program can set
 * the last one (ctime) back. Null when there is no such regular file.
 */
export async function fileStamp(path: string): Promise<string | null> {
  const stat = await lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stat?.isFile() !== true) return null;
  return [stat.size, stat.ino, stat.mtimeNs, stat.ctimeNs].join(' ');
}
