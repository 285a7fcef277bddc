import { open } from 'node:fs/promises';
import { formatBytes } from '../../util/quantities.ts';
import { readLayerAttributes } from '../../vfs/overlay/layer-attributes.ts';
import { changeType, type LayerChange, readLayerFile } from '../../vfs/overlay/overlay-changes.ts';
import type { OverlayFile } from '../../vfs/overlay/overlay-file.ts';
import { KeptAttributeSets, MAX_KEPT_ATTRIBUTE_BYTES } from './kept-attributes.ts';
import {
  blobPath,
  type KeptChange,
  type KeptOverlay,
  MAX_KEPT_BYTES,
  MAX_KEPT_CHANGES,
} from './kept-overlay.ts';

/** More was changed than is kept; the message says how much, as part of a sentence. */
class TooMuchError extends Error {}

/** The part of a change that all names of a file share. */
type FileFacts = Pick<KeptChange, 'mode' | 'sizeBytes' | 'mtimeNs' | 'blob' | 'attributeSet'>;

/** Returns what is the same for the names of a file as long as nobody changes it. */
function identityOf({ layer, attributes }: OverlayFile): string {
  const { device, ino, ctimeNs } = attributes;
  // Only the lower layer is read-only. After a change in between it counts as another file.
  return `${layer.isReadonly}:${device ?? ''}:${ino}:${ctimeNs}`;
}

/** Writes the changes of one volume into a new directory: the content of a file once, whatever number of names it has. */
export class KeptWriter {
  readonly #directory: string;
  readonly #hasAttributes: boolean;
  readonly #changes: KeptChange[] = [];
  readonly #sets = new KeptAttributeSets();
  readonly #files = new Map<string, FileFacts>();
  #bytes = 0;
  #blobs = 0;

  /** @param hasAttributes  Extended attributes are kept too. */
  constructor(directory: string, hasAttributes: boolean) {
    this.#directory = directory;
    this.#hasAttributes = hasAttributes;
  }

  get result(): Pick<KeptOverlay, 'changes' | 'attributeSets'> {
    return { changes: this.#changes, attributeSets: this.#sets.sets };
  }

  /** @throws {TooMuchError} when it is more than is kept of a volume. */
  async keep({ path, kind, file, base, isStale }: LayerChange): Promise<void> {
    if (this.#changes.length >= MAX_KEPT_CHANGES) {
      throw new TooMuchError(`more than ${MAX_KEPT_CHANGES} files`);
    }
    const type = changeType(file);
    const isLink = kind !== 'deleted' && type === 'symlink';
    this.#changes.push({
      ...{ path, kind, type, base: base?.text ?? '', isStale },
      ...(kind === 'deleted' ? this.#facts(file) : await this.#current(file, type)),
      target: isLink ? await this.#target(file) : null,
    });
  }

  #facts({ attributes: { mode, sizeBytes, mtimeNs } }: OverlayFile): FileFacts {
    const facts = { mode: mode & 0o777, sizeBytes, mtimeNs: `${mtimeNs}` };
    return { ...facts, blob: null, attributeSet: null };
  }

  /** Keeps what the guest has at a path now. */
  async #current(file: OverlayFile, type: KeptChange['type']): Promise<FileFacts> {
    const facts = this.#facts(file);
    if (type === 'directory') return { ...facts, attributeSet: await this.#keepAttributes(file) };
    if (type !== 'file') return facts;
    const identity = identityOf(file);
    const known = this.#files.get(identity);
    if (known !== undefined) return known;
    const attributeSet = await this.#keepAttributes(file);
    const kept = { ...facts, attributeSet, blob: await this.#keepContent(file) };
    this.#files.set(identity, kept);
    return kept;
  }

  async #target({ layer, node }: OverlayFile): Promise<string> {
    return (await layer.readLink(node)).toString('latin1');
  }

  async #keepAttributes(file: OverlayFile): Promise<number | null> {
    if (!this.#hasAttributes) return null;
    const index = this.#sets.add(await readLayerAttributes(file));
    if (index === null) {
      throw new TooMuchError(
        `more than ${formatBytes(MAX_KEPT_ATTRIBUTE_BYTES)} of extended attributes`,
      );
    }
    return index;
  }

  async #keepContent(file: OverlayFile): Promise<number> {
    const blob = this.#blobs++;
    const target = await open(blobPath(this.#directory, blob), 'wx', 0o600);
    try {
      for await (const part of readLayerFile(file)) {
        this.#bytes += part.length;
        if (this.#bytes > MAX_KEPT_BYTES) {
          throw new TooMuchError(`more than ${formatBytes(MAX_KEPT_BYTES)}`);
        }
        await target.writeFile(part);
      }
    } finally {
      await target.close();
    }
    return blob;
  }
}
