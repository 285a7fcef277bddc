import { GondolinError } from '../../errors/gondolin-error.ts';
import { isVariableName } from '../../util/variable-name.ts';
import type { Leak } from '../refusal/refusal.ts';
import type { HeaderList, RequestPlace } from './header-list.ts';
import { withoutHeaders } from './header-list.ts';
import { compileHosts } from './host-list.ts';
import { type InjectableSecret, Injector, toLeak } from './inject.ts';
import { LeakScanStream } from './leak/leak-scan-stream.ts';
import { PlaceholderIndex } from './leak/placeholder-index.ts';
import { createPlaceholder } from './placeholder.ts';
import { planResponse, type ResponsePlan } from './scrub/response-plan.ts';
import { ScrubPatterns } from './scrub/scrub-patterns.ts';
import { secretPatterns } from './scrub/secret-patterns.ts';
import type { LiveSecret } from './secret-options.ts';
import { weaknessWarning } from './secret-value.ts';
import { WebSocketLeakScanStream, WebSocketScrubStream } from './websocket/websocket-streams.ts';

/** Request fields that are removed: a partial response could cut a value in two, and a coded one would have to be decoded. */
const STRIPPED = [
  'range',
  'if-range',
  'accept-encoding',
  // Encodings of messages in the body: gRPC and Connect.
  'grpc-accept-encoding',
  'connect-accept-encoding',
];

/** The part of a request that is scanned in one piece; untrusted. */
export interface RequestHead {
  readonly headers: HeaderList;
  /** Path and query. */
  readonly target: string;
}

/** A request ready to be sent, or its leak. */
export interface PreparedRequest {
  /** To send; empty when there is a leak. */
  readonly headers: HeaderList;
  /** Path and query to send; empty when there is a leak. */
  readonly target: string;
  /** Names of the secrets whose values are in `headers` or `target`. */
  readonly used: readonly string[];
  /** Names of the secrets to search for in the response: all that the host may have, as other VMs may have sent them. */
  readonly scrub: readonly string[];
  readonly leak: Leak | null;
}

/**
 * The secrets of one VM: placeholders for the guest, values for the hosts that may have them. Printing it shows no value.
 */
export class SecretStore {
  readonly #secrets: readonly InjectableSecret[];
  readonly #patterns = new Map<string, ScrubPatterns>();
  /** Finds placeholders in anything that leaves the guest. */
  readonly index: PlaceholderIndex;
  /** Warnings for the user about weak values, as sentences. */
  readonly warnings: readonly string[];

  /**
   * @param seed  Seed of the placeholders, see `createPlaceholder`.
   * @throws {GondolinError} NET_SECRET_INVALID for a name that is not a variable name or appears twice, and for an invalid host.
   */
  constructor(secrets: readonly LiveSecret[], seed: Uint8Array) {
    const names = secrets.map(({ name }) => name);
    const double = names.find((name, index) => names.indexOf(name) !== index);
    if (double !== undefined) {
      throw new GondolinError('NET_SECRET_INVALID', `Secret ${double} appears twice, want it once`);
    }
    this.#secrets = secrets.map((secret) => injectable(secret, seed));
    this.index = new PlaceholderIndex(this.#secrets);
    this.warnings = secrets
      .filter(({ isRevoked }) => isRevoked !== true)
      .map(({ name, value }) => weaknessWarning(name, value))
      .filter((warning) => warning !== null);
  }

  /** Variables for the guest: the placeholder of each secret that is not revoked, under its name. */
  get env(): Readonly<Record<string, string>> {
    const usable = this.#secrets.filter(({ isRevoked }) => !isRevoked);
    return Object.fromEntries(usable.map(({ name, placeholder }) => [name, placeholder]));
  }

  /**
   * Inserts values into a request that the policy and the hooks allowed. A request to a host that may have a secret is changed
   * so that its response can be scrubbed, with or without a value in it: no ranges, no compression.
   * @param request  `headers` and `target` are untrusted.
   */
  prepareRequest(request: RequestHead, place: RequestPlace): PreparedRequest {
    const { injector, inTarget, inHeaders, leak } = this.#inject(request, place);
    if (leak !== null) return { headers: [], target: '', used: [], scrub: [], leak };
    const scrub = this.#secrets
      .filter(({ covers }) => covers(place.host, place.port))
      .map(({ name }) => name);
    const headers: HeaderList =
      scrub.length === 0
        ? inHeaders.headers
        : [...withoutHeaders(inHeaders.headers, STRIPPED), ['accept-encoding', 'identity']];
    return { headers, target: inTarget.target, used: injector.used, scrub, leak: null };
  }

  /** Returns the leak that `prepareRequest` would find, without inserting values: the check before the hooks. */
  findLeak(request: RequestHead, place: RequestPlace): Leak | null {
    return this.#inject(request, place).leak;
  }

  #inject(request: RequestHead, place: RequestPlace) {
    const injector = new Injector(this.#secrets, this.index, place);
    const inTarget = injector.target(request.target);
    const inHeaders = injector.headers(request.headers);
    return { injector, inTarget, inHeaders, leak: inTarget.leak ?? inHeaders.leak };
  }

  /** Returns the leak in a method, where no value ever goes, or null. */
  findLeakInMethod(method: string, to: RequestPlace): Leak | null {
    const name = this.index.findInText(method);
    const at = { to, place: 'connection', where: 'method' } as const;
    return name === null ? null : toLeak(this.#secrets, name, at);
  }

  /** Returns the leak in trailer fields, where no value ever goes, or null. */
  findLeakInTrailers(trailers: HeaderList, to: RequestPlace): Leak | null {
    for (const [key, value] of trailers) {
      const name = this.index.findInText(key) ?? this.index.findInText(value);
      if (name !== null) return toLeak(this.#secrets, name, { to, place: 'trailer' });
    }
    return null;
  }

  /** Scans a body or raw bytes on their way out; null when there are no secrets. */
  createLeakScan(
    place: 'body' | 'tcp',
    to: RequestPlace,
    contentEncoding = '',
  ): LeakScanStream | null {
    if (this.index.isEmpty) return null;
    const describe = (name: string) => toLeak(this.#secrets, name, { to, place });
    return new LeakScanStream(this.index, describe, contentEncoding);
  }

  /**
   * Scans what a guest sends on a WebSocket; null when there are no secrets. The opening request must go upstream without
   * `WEBSOCKET_STRIPPED_HEADERS`.
   */
  createWebSocketLeakScan(to: RequestPlace): WebSocketLeakScanStream | null {
    if (this.index.isEmpty) return null;
    const describe = (name: string) => toLeak(this.#secrets, name, { to, place: 'websocket' });
    return new WebSocketLeakScanStream(this.index, describe);
  }

  /**
   * Scrubs what a server sends on a WebSocket; null if there is nothing to search for.
   * @param scrub  From the prepared opening request.
   */
  createWebSocketScrub(scrub: readonly string[]): WebSocketScrubStream | null {
    const patterns = this.patternsFor(scrub);
    return patterns === null ? null : new WebSocketScrubStream(patterns);
  }

  /** Returns the patterns of these secrets in a response; null without secrets. */
  patternsFor(names: readonly string[]): ScrubPatterns | null {
    const secrets = this.#secrets.filter(({ name }) => names.includes(name));
    if (secrets.length === 0) return null;
    // Names contain no spaces.
    const key = secrets.map(({ name }) => name).join(' ');
    let patterns = this.#patterns.get(key);
    if (patterns === undefined) {
      const list = secrets.flatMap(({ scrubbed, placeholder }) =>
        scrubbed.flatMap((value) => secretPatterns(value.reveal(), placeholder)),
      );
      patterns = new ScrubPatterns(list);
      this.#patterns.set(key, patterns);
    }
    return patterns;
  }

  /**
   * Plans how a response is passed to the guest.
   * @param scrub  From the prepared request.
   * @throws {GondolinError} NET_RESPONSE_ENCODING when its body would have to be decoded and cannot.
   */
  planResponse(
    scrub: readonly string[],
    response: { readonly headers: HeaderList; readonly hasBody: boolean },
  ): ResponsePlan {
    return planResponse(this.patternsFor(scrub), response);
  }
}

function injectable(secret: LiveSecret, seed: Uint8Array): InjectableSecret {
  if (!isVariableName(secret.name)) {
    throw new GondolinError(
      'NET_SECRET_INVALID',
      'A secret has a name that is not a variable name: want letters, digits and _, not starting with a digit',
    );
  }
  return {
    name: secret.name,
    placeholder: createPlaceholder(secret.name, seed),
    value: secret.value,
    scrubbed: [secret.value, ...(secret.formerValues ?? [])],
    isRevoked: secret.isRevoked === true,
    headers: new Set((secret.headers ?? []).map((header) => header.toLowerCase())),
    query: secret.query ?? false,
    allowHttp: secret.allowHttp ?? false,
    covers: compileHosts(secret.name, secret.hosts),
  };
}
