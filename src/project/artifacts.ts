import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { HostPlace } from '../vm/files/copy/host-place.ts';
import type { GuestFileSystem } from '../vm/files/guest-file-system.ts';

/** Most bytes of the artifacts of one sandbox, and most files and directories. */
const MAX_ARTIFACT_BYTES = 2 ** 30;
const MAX_ARTIFACT_ENTRIES = 20_000;
/** Time to copy them. */
const COPY_LIMIT_MS = 300_000;

/** Files that were copied out of a guest. Plain data. */
export interface ArtifactsResult {
  /** The sandbox's own directory on the host, absolute. */
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
  /** Symbolic links, sockets, FIFOs and devices, which are not copied. */
  readonly skipped: number;
}

/** The host directory of a run's artifacts. It is opened before any guest runs, so that none can put a link in its way. */
export class ArtifactsDirectory {
  readonly path: string;
  readonly #place: HostPlace;

  /** @throws {GondolinError} FILES_COPY_FAILED when its parent cannot be opened. */
  constructor(path: string) {
    this.path = path;
    this.#place = HostPlace.open(path, { follow: false });
  }

  close(): void {
    this.#place.close();
  }

  /**
   * Copies what the patterns match into the sandbox's directory. Files that are there already are kept.
   * @param onWarning  Receives a line for each pattern that matches nothing.
   * @throws {GondolinError} PROJECT_ARTIFACTS_FAILED
   */
  async collect(
    { sandbox, patterns }: { readonly sandbox: string; readonly patterns: readonly string[] },
    files: GuestFileSystem,
    cancel: AbortSignal,
    onWarning: (message: string) => void,
  ): Promise<ArtifactsResult> {
    const { copyMatches, makeDirectory } = await import('../vm/files/copy/copy-matches.ts');
    const signal = AbortSignal.any([cancel, AbortSignal.timeout(COPY_LIMIT_MS)]);
    const limits = { maxBytes: MAX_ARTIFACT_BYTES, maxEntries: MAX_ARTIFACT_ENTRIES };
    try {
      await makeDirectory(this.#place);
      const own = this.#place.at(sandbox);
      const copied = await copyMatches(files, patterns, own, { signal, ...limits });
      for (const pattern of copied.unmatched) onWarning(`artifacts: nothing matches ${pattern}`);
      const { files: count, bytes, skipped } = copied;
      return { directory: join(this.path, sandbox), files: count, bytes, skipped };
    } catch (cause) {
      if (!GondolinError.is(cause)) throw cause;
      const limit = `more than ${MAX_ARTIFACT_BYTES} bytes or ${MAX_ARTIFACT_ENTRIES} files`;
      const isSlow = cause.code === 'FILES_ABORTED' && !cancel.aborted;
      const why = isSlow ? `the guest did not give them within ${COPY_LIMIT_MS} ms` : cause.message;
      const problem = cause.code === 'FILES_TOO_LARGE' ? limit : why;
      throw new GondolinError('PROJECT_ARTIFACTS_FAILED', `artifacts of ${sandbox}: ${problem}`, {
        cause,
      });
    }
  }
}
