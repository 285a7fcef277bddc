import { GondolinError } from '../../errors/gondolin-error.ts';
import { formatBytes } from '../../util/quantities.ts';
import { permissionsOnHost } from '../../vfs/real/attributes/attribute-set.ts';
import type { CheckedChange, CheckedOverlay } from './check-changes.ts';
import type { HostState } from './host-target.ts';
import type { HostWriter, NewRights, PutFile } from './host-writer.ts';
import { keptAttributesOf } from './kept-attributes.ts';
import { blobPath, MAX_KEPT_BYTES } from './kept-overlay.ts';

/** Returns what a file or directory of the guest is to have on the host. */
export function rightsOf(
  { overlay }: Pick<CheckedOverlay, 'overlay'>,
  { change, state }: CheckedChange,
): NewRights {
  const { mode } = change;
  const attributes = keptAttributesOf(overlay, change);
  if (attributes === null || state !== 'unsupported') return { mode, attributes };
  // Only `--force` comes here: without its access list the group must not get what the mask says.
  return { mode: permissionsOnHost(mode, attributes), attributes: null };
}

/** Puts files on the host: the first name of a file with its content, further names as hard links. */
export class PutFiles {
  readonly #overlay: CheckedOverlay;
  readonly #writer: HostWriter;
  readonly #put = new Map<number, PutFile>();
  #copiedBytes = 0;

  constructor(overlay: CheckedOverlay, writer: HostWriter) {
    this.#overlay = overlay;
    this.#writer = writer;
  }

  /** @throws {GondolinError} PROJECT_OVERLAY_CONFLICT, FILES_COPY_FAILED */
  async put(checked: CheckedChange, blob: number, seen: HostState): Promise<void> {
    const { path, mtimeNs, sizeBytes } = checked.change;
    const first = this.#put.get(blob);
    if (first !== undefined) {
      if (await this.#writer.putName(path, seen, first)) return;
      this.#countCopy(path, sizeBytes);
    }
    const contentPath = blobPath(this.#overlay.directory, blob);
    const rights = rightsOf(this.#overlay, checked);
    const file = { contentPath, mtimeNs: BigInt(mtimeNs), ...rights };
    // The next names are given to the new file: the one before may have as many as it can have.
    this.#put.set(blob, await this.#writer.putFile(path, seen, file));
  }

  /** Names without links are copies: the guest must not fill the host's disk with them. */
  #countCopy(path: string, sizeBytes: number): void {
    this.#copiedBytes += sizeBytes;
    if (this.#copiedBytes <= MAX_KEPT_BYTES) return;
    const shown = Buffer.from(path, 'latin1').toString();
    const message = `${shown}: the host makes no hard link, and copies instead of links would have more than ${formatBytes(MAX_KEPT_BYTES)}`;
    throw new GondolinError('FILES_COPY_FAILED', message, { details: { path: shown } });
  }
}
