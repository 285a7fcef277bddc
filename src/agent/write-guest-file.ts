import { MAX_FILE_BYTES } from '../protocol/constants.ts';
import type { HostRequest } from '../protocol/host-message.ts';

export interface GuestFileContent {
  /** Absolute, in the guest. */
  readonly path: string;
  readonly data: Uint8Array;
  /** Permission bits. An existing file that is appended to keeps its own. @default 0o644 */
  readonly mode?: number;
  /** If false, replaces the content. @default false */
  readonly append?: boolean;
  /** Leaves an existing file as it is; then `data` is at most MAX_FILE_BYTES. @default false */
  readonly keep?: boolean;
  /** Makes the file the trust store of every JVM in the guest. @default false */
  readonly isJavaStore?: boolean;
}

/** Writes a file by one FILE request for each part of at most MAX_FILE_BYTES. */
export async function writeGuestFile(
  { path, data, mode = 0o644, ...options }: GuestFileContent,
  send: (request: HostRequest) => Promise<void>,
): Promise<void> {
  const { append = false, keep = false, isJavaStore = false } = options;
  if (keep && data.length > MAX_FILE_BYTES) throw new RangeError(`${path}: too long for keep`);
  let start = 0;
  do {
    const content = data.subarray(start, start + MAX_FILE_BYTES);
    const isAppended = append || start > 0;
    const flags = { isAppended, isKept: keep, isJavaStore };
    await send({ type: 'FILE', path, ...flags, mode, content });
    start += content.length;
  } while (start < data.length);
}
