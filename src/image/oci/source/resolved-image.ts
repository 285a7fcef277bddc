import type { LayerFile } from '../layer/merge-layers.ts';

/** A layer that can be had. */
export interface LayerSource {
  readonly sizeBytes: number;
  /**
   * Brings it to this disk, where it stays until `release`.
   * @param onProgress  Gets how many of its bytes are there.
   */
  fetch(
    signal: AbortSignal,
    onProgress: (bytes: number) => void,
  ): Promise<Pick<LayerFile, 'open'> & { release(): void }>;
}

/** An image for one platform, without its layers. */
export interface ResolvedImage {
  /** Digest of its manifest; of an archive of Docker, which has none, that of its configuration. `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Digest of what the reference names: of the index, if there is one. The same for every processor. */
  readonly sourceDigest: string;
  /** Bytes of the configuration, checked against its digest. */
  readonly config: Buffer;
  /** As many as the configuration has, the lowest first. Opened once they are needed. */
  readonly layers: () => Promise<readonly LayerSource[]>;
}
