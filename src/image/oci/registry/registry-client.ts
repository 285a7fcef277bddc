import { createHash } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { RegistryFacts } from '../../../host/registry-facts.ts';
import type { RegistryReference } from '../reference.ts';
import { parseChallenge } from './challenge.ts';
import { findCredentials } from './credentials.ts';
import { exchange, type RegistryResponse, readBody, transientFailure } from './exchange.ts';
import { errorText } from './registry-error.ts';
import type { RegistryEndpoint, RegistrySettings } from './registry-settings.ts';
import { withRetries } from './retry.ts';
import { authorize } from './token.ts';
import type { TransferLimits } from './transport.ts';

export interface RegistryClientOptions {
  readonly settings: RegistrySettings;
  readonly facts: Pick<RegistryFacts, 'credentialFiles' | 'environment'>;
  readonly dispatcher: Dispatcher;
  readonly limits: TransferLimits;
  readonly signal: AbortSignal;
}

/** A manifest or an index, as the registry has it. */
export interface RegistryDocument {
  readonly bytes: Buffer;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

/** @see OCI distribution-spec, "Pulling manifests": registries should take, and clients may refuse, more than 4 MiB. */
const DOCUMENT_MAX_BYTES = 4 * 1024 * 1024;
const ACCEPTED = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Reads the images of registries by their HTTP API. @see OCI distribution-spec */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  /** `Authorization` by server and repository, once it was asked for. */
  readonly #authorizations = new Map<string, string>();

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /**
   * Fetches a manifest or index and checks its digest.
   * @param what  A tag or a digest.
   * @throws {GondolinError} IMAGE_REFERENCE_UNKNOWN, IMAGE_DIGEST_MISMATCH, IMAGE_REGISTRY_UNREACHABLE,
   * IMAGE_REGISTRY_DENIED, IMAGE_REGISTRY_FAILED, IMAGE_CREDENTIALS_FAILED.
   */
  async fetchDocument(reference: RegistryReference, what: string): Promise<RegistryDocument> {
    return this.#fromFirst(reference, async (endpoint) => {
      const path = `/v2/${reference.repository}/manifests/${what}`;
      const response = await this.#get(endpoint, reference, path, { accept: ACCEPTED });
      const bytes = await readBody(response, DOCUMENT_MAX_BYTES, endpoint.url);
      const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      const promised = what.startsWith('sha256:') ? what : response.field('docker-content-digest');
      if (promised?.startsWith('sha256:') === true && promised !== digest) {
        throw new GondolinError(
          'IMAGE_DIGEST_MISMATCH',
          `Cannot pull ${reference.repository}: ${endpoint.url} served a manifest with the digest ${digest}, want ${promised}`,
        );
      }
      return { bytes, digest };
    });
  }

  /**
   * Opens a blob, and hands its response to `read` as often as it takes: `read` asks for the bytes from `offset()` on. The
   * response may nevertheless be the whole blob (status 200).
   */
  async readBlob(
    reference: RegistryReference,
    digest: string,
    offset: () => number,
    read: (response: RegistryResponse, progressed: () => void) => Promise<void>,
  ): Promise<void> {
    const path = `/v2/${reference.repository}/blobs/${digest}`;
    await this.#fromFirst(reference, async (endpoint, progressed) => {
      const from = offset();
      const range = from === 0 ? {} : { range: `bytes=${from}-` };
      // Without it undici's servers may compress what is compressed, and lengths would be those of the outer form.
      const headers = { 'accept-encoding': 'identity', ...range };
      await read(await this.#get(endpoint, reference, path, headers), progressed);
    });
  }

  /** Asks the mirrors, and the registry itself if they do not have it. The error is that of the registry. */
  async #fromFirst<T>(
    reference: RegistryReference,
    attempt: (endpoint: RegistryEndpoint, progressed: () => void) => Promise<T>,
  ): Promise<T> {
    const { settings, limits, signal } = this.#options;
    const endpoints = settings.endpoints(reference.registry);
    for (const [index, endpoint] of endpoints.entries()) {
      const isLast = index === endpoints.length - 1;
      // A mirror that fails is not worth waiting for.
      const retries = isLast ? limits.retries : 0;
      try {
        return await withRetries({ ...limits, retries }, signal, (progressed) =>
          attempt(endpoint, progressed),
        );
      } catch (error) {
        signal.throwIfAborted();
        if (isLast) throw this.#explained(endpoint, error);
      }
    }
    throw new Error('a registry has at least one server');
  }

  #explained({ url }: RegistryEndpoint, error: unknown): unknown {
    if (GondolinError.is(error)) return error;
    const { message, code } = error as NodeJS.ErrnoException;
    const what = message || code || 'the connection failed';
    return new GondolinError('IMAGE_REGISTRY_UNREACHABLE', `Cannot pull from ${url}: ${what}`, {
      cause: error,
    });
  }

  async #get(
    endpoint: RegistryEndpoint,
    reference: RegistryReference,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<RegistryResponse> {
    const { dispatcher, signal } = this.#options;
    const key = `${endpoint.url} ${reference.repository}`;
    const send = () =>
      exchange(`${endpoint.url}${path}`, {
        ...{ dispatcher, signal, headers },
        authorization: this.#authorizations.get(key) ?? null,
      });
    let response = await send();
    if (response.status === 401) {
      await response.discard();
      this.#authorizations.delete(key);
      const met = await this.#meet(endpoint, reference, response);
      if (met !== null) {
        this.#authorizations.set(key, met);
        response = await send();
      }
    }
    if (response.status === 200 || response.status === 206) return response;
    throw await this.#failure(endpoint, reference, response);
  }

  async #meet(
    endpoint: RegistryEndpoint,
    { repository }: RegistryReference,
    response: RegistryResponse,
  ): Promise<string | null> {
    const challenge = parseChallenge(response.fields('www-authenticate'));
    if (challenge === null) return null;
    const { facts, dispatcher, signal } = this.#options;
    const credentials = await findCredentials(facts, endpoint.credentials, signal);
    const scope = `repository:${repository}:pull`;
    return authorize(challenge, endpoint.url, scope, credentials, { dispatcher, signal });
  }

  async #failure(
    { url }: RegistryEndpoint,
    { repository, tag, digest }: RegistryReference,
    response: RegistryResponse,
  ): Promise<Error> {
    const { status } = response;
    const said = await errorText(response, url);
    const name = `${repository}${digest === null ? `:${tag}` : `@${digest}`}`;
    const transient = transientFailure(response, `it answered ${status}${said}`);
    if (transient !== null) return transient;
    if (status === 404) {
      const message = `Cannot pull ${name}: ${url} does not have it${said}`;
      return new GondolinError('IMAGE_REFERENCE_UNKNOWN', message);
    }
    const message = `Cannot pull ${name}: ${url} answered ${status}${said}`;
    const isDenied = status === 401 || status === 403;
    return new GondolinError(isDenied ? 'IMAGE_REGISTRY_DENIED' : 'IMAGE_REGISTRY_FAILED', message);
  }
}
