import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { Descriptor } from '../documents/descriptor.ts';
import type { RegistryReference } from '../reference.ts';
import type { RegistryResponse } from './exchange.ts';
import type { RegistryClient } from './registry-client.ts';
import { TransientFailure } from './retry.ts';

export interface DownloadOptions {
  readonly client: RegistryClient;
  readonly reference: RegistryReference;
  readonly signal: AbortSignal;
  /** Gets how many bytes are there, also after a restart from 0. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Downloads a blob to `path`. Bytes that are there from an earlier attempt, of this process or of one that was killed, are kept,
 * and only the rest is asked for. Nobody else may write the file meanwhile.
 *
 * @throws {GondolinError} IMAGE_DIGEST_MISMATCH when the bytes are not those of the digest, twice; the file is then empty.
 * Otherwise as {@link RegistryClient.readBlob}.
 */
export async function downloadBlob(
  descriptor: Descriptor,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const file = await open(path, 'a+', 0o600);
  try {
    // Bytes of an earlier run may be wrong where those of this one are right.
    let hasOldBytes = (await file.stat()).size > 0;
    for (;;) {
      const digest = await new BlobDownload(descriptor, file, path, options).run();
      if (digest === descriptor.digest) break;
      await file.truncate(0);
      if (!hasOldBytes) throw mismatch(descriptor, digest, options.reference);
      hasOldBytes = false;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function mismatch(
  { digest }: Descriptor,
  got: string,
  { repository }: RegistryReference,
): GondolinError {
  return new GondolinError(
    'IMAGE_DIGEST_MISMATCH',
    `Cannot pull ${repository}: the registry served ${got} for the blob ${digest}`,
  );
}

class BlobDownload {
  readonly #descriptor: Descriptor;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #options: DownloadOptions;
  #hash: Hash = createHash('sha256');
  #length = 0;

  constructor(descriptor: Descriptor, file: FileHandle, path: string, options: DownloadOptions) {
    this.#descriptor = descriptor;
    this.#file = file;
    this.#path = path;
    this.#options = options;
  }

  /** @returns the digest of all bytes, as many as the descriptor says. */
  async run(): Promise<string> {
    const { client, reference } = this.#options;
    const { digest, size } = this.#descriptor;
    await this.#takeOldBytes();
    if (this.#length < size) {
      await client.readBlob(
        reference,
        digest,
        () => this.#length,
        (response, progressed) => this.#read(response, progressed),
      );
    }
    return `sha256:${this.#hash.digest('hex')}`;
  }

  async #takeOldBytes(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > this.#descriptor.size) await this.#startOver();
    else if (size > 0) {
      const old = createReadStream(this.#path, { end: size - 1 });
      await pipeline(old, this.#hash, { end: false, signal: this.#options.signal });
      this.#length = size;
    }
    this.#options.onProgress(this.#length);
  }

  async #startOver(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#length = 0;
  }

  async #read(response: RegistryResponse, progressed: () => void): Promise<void> {
    const { body } = response;
    try {
      if (!this.#continues(response)) await this.#startOver();
      for await (const part of body as AsyncIterable<Buffer>) {
        if (this.#length + part.length > this.#descriptor.size) {
          await this.#startOver();
          throw tooLong(this.#descriptor);
        }
        await this.#file.appendFile(part);
        this.#hash.update(part);
        this.#length += part.length;
        this.#options.onProgress(this.#length);
        progressed();
      }
    } finally {
      body.destroy();
    }
    const missing = this.#descriptor.size - this.#length;
    if (missing > 0) throw new TransientFailure(`the last ${missing} bytes of a blob did not come`);
  }

  /** True if the response starts where the file ends. */
  #continues(response: RegistryResponse): boolean {
    if (response.status !== 206) return this.#length === 0;
    const [, start] = /^bytes ([0-9]+)-/.exec(response.field('content-range') ?? '') ?? [];
    if (start === undefined || Number(start) !== this.#length) {
      throw new TransientFailure('the registry sent another part of a blob than was asked for');
    }
    return true;
  }
}

function tooLong({ digest, size }: Descriptor): GondolinError {
  return new GondolinError(
    'IMAGE_DIGEST_MISMATCH',
    `Cannot pull the image: the registry served more than the ${size} bytes of the blob ${digest}`,
  );
}
