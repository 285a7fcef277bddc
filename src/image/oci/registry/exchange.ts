import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { parseRetryAfter, TransientFailure } from './retry.ts';

export interface RegistryResponse {
  readonly status: number;
  /** Value of a field by its name in lower case; null when it is missing. Of several, the first. */
  field(name: string): string | null;
  /** All values of a field. */
  fields(name: string): readonly string[];
  readonly body: Readable;
  /** Drops the body. */
  discard(): Promise<void>;
}

export interface ExchangeOptions {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
  /** `Authorization` for the server of the URL; not sent to one that it redirects to. */
  readonly authorization: string | null;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const REDIRECTS_MAX = 5;
const DISCARDED_MAX_BYTES = 64 * 1024;

/**
 * Asks one server and follows its redirects. The credentials stay with the server that they are for, and a redirect from
 * HTTPS to plain HTTP is refused.
 *
 * @throws {GondolinError} IMAGE_REGISTRY_FAILED for a redirect that cannot be followed.
 * @throws undici's error when the server cannot be reached.
 */
export async function exchange(url: string, options: ExchangeOptions): Promise<RegistryResponse> {
  let at = new URL(url);
  let { authorization } = options;
  for (let redirects = 0; ; redirects += 1) {
    const response = await send(at, authorization, options);
    if (!REDIRECTS.has(response.status)) return response;
    await response.discard();
    // Its body has a token, which is for the first server only.
    if (options.method === 'POST') throw refused(at, 'it redirects a request for a token');
    if (redirects === REDIRECTS_MAX) throw refused(at, `it redirects more than ${redirects} times`);
    const next = nextUrl(at, response.field('location'));
    if (next.origin !== at.origin) authorization = null;
    at = next;
  }
}

function nextUrl(from: URL, location: string | null): URL {
  if (location === null || !URL.canParse(location, from.href)) {
    throw refused(from, 'it redirects to no URL');
  }
  const next = new URL(location, from);
  if (next.protocol !== 'https:' && (next.protocol !== 'http:' || from.protocol !== 'http:')) {
    throw refused(from, `it redirects to ${next.protocol}//${next.host}, which is not HTTPS`);
  }
  // A password in a URL would be a way to choose what we send.
  next.username = '';
  next.password = '';
  return next;
}

async function send(
  url: URL,
  authorization: string | null,
  options: ExchangeOptions,
): Promise<RegistryResponse> {
  const { statusCode, headers, body } = await request(url, {
    method: options.method ?? 'GET',
    dispatcher: options.dispatcher,
    signal: options.signal,
    headers: {
      'user-agent': 'gondolin',
      ...options.headers,
      ...(authorization === null ? {} : { authorization }),
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  // An aborted or broken body is seen by whoever reads it; one that is discarded must not end the process.
  body.on('error', () => undefined);
  const fields = (name: string): readonly string[] => {
    const value = headers[name];
    return value === undefined ? [] : [value].flat();
  };
  return {
    status: statusCode,
    field: (name) => fields(name)[0] ?? null,
    fields,
    body,
    discard: async () => {
      await body.dump({ limit: DISCARDED_MAX_BYTES }).catch(() => undefined);
    },
  };
}

function refused(url: URL, problem: string): GondolinError {
  return new GondolinError('IMAGE_REGISTRY_FAILED', `Cannot pull from ${url.origin}: ${problem}`, {
    details: { url: `${url.origin}${url.pathname}` },
  });
}

/** Reads a whole body of at most `maxBytes`. @throws {GondolinError} IMAGE_REGISTRY_FAILED when it is longer. */
export async function readBody(
  { body }: RegistryResponse,
  maxBytes: number,
  url: string,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBytes) {
      body.destroy();
      throw refused(new URL(url), `a document is longer than ${maxBytes} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Status codes after which the same request may succeed. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Returns the failure that a response is when the same request may succeed later; null for any other response. */
export function transientFailure(
  response: RegistryResponse,
  message: string,
): TransientFailure | null {
  if (!TRANSIENT.has(response.status)) return null;
  return new TransientFailure(message, { waitMs: parseRetryAfter(response.field('retry-after')) });
}
