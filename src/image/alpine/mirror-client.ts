import type { Dispatcher } from 'undici';
import {
  exchange,
  type RegistryResponse,
  readBody,
  transientFailure,
} from '../oci/registry/exchange.ts';
import { withRetries } from '../oci/registry/retry.ts';
import type { TransferLimits } from '../oci/registry/transport.ts';
import { alpineError } from './alpine-error.ts';
import { ALPINE_LIMITS } from './limits.ts';
import { PartialFile } from './partial-file.ts';

export interface MirrorClientOptions {
  readonly dispatcher: Dispatcher;
  readonly limits: TransferLimits;
  readonly signal: AbortSignal;
}

/** Reads the files of a mirror, and tries again what may succeed. Nothing that it returns is checked. */
export class MirrorClient {
  readonly #options: MirrorClientOptions;

  constructor(options: MirrorClientOptions) {
    this.#options = options;
  }

  /** @throws {GondolinError} IMAGE_MIRROR_FAILED. */
  async fetchIndex(url: string): Promise<Buffer> {
    return this.#get(
      url,
      () => ({}),
      (response) => readBody(response, ALPINE_LIMITS.indexBytes, url),
    );
  }

  /**
   * Downloads a file to `path`, as far as it is not there from an earlier attempt.
   *
   * @param onProgress  Gets how many bytes are there.
   * @throws {GondolinError} IMAGE_MIRROR_FAILED.
   */
  async download(
    url: string,
    path: string,
    sizeBytes: number,
    onProgress: (bytes: number) => void,
  ): Promise<void> {
    const partial = await PartialFile.open(path, sizeBytes);
    try {
      onProgress(partial.length);
      if (partial.isComplete) return;
      await this.#get(
        url,
        () => partial.headers,
        (response, progressed) =>
          partial.append(response, (length) => {
            progressed();
            onProgress(length);
          }),
      );
    } finally {
      await partial.close();
    }
  }

  async #get<T>(
    url: string,
    headers: () => Readonly<Record<string, string>>,
    read: (response: RegistryResponse, progressed: () => void) => Promise<T>,
  ): Promise<T> {
    const { dispatcher, limits, signal } = this.#options;
    try {
      return await withRetries(limits, signal, async (progressed) => {
        const response = await exchange(url, {
          ...{ dispatcher, signal, authorization: null },
          // Else a server may compress what is compressed, and lengths would be those of the outer form.
          headers: { 'accept-encoding': 'identity', ...headers() },
        });
        try {
          checkStatus(response);
          return await read(response, progressed);
        } finally {
          response.body.destroy();
        }
      });
    } catch (cause) {
      signal.throwIfAborted();
      const problem = describeFailure(cause);
      throw alpineError('IMAGE_MIRROR_FAILED', `cannot read ${url}: ${problem}`, cause);
    }
  }
}

function checkStatus(response: RegistryResponse): void {
  const { status } = response;
  if (status === 200 || status === 206) return;
  const problem = `the mirror answered ${status}`;
  throw transientFailure(response, problem) ?? new Error(problem);
}

function describeFailure(cause: unknown): string {
  const { message, code } = cause as NodeJS.ErrnoException;
  return message || code || 'the connection failed';
}
