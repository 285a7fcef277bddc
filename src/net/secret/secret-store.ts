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
import type { ResolvedSecret } from './secret-options.ts';
import { weaknessWarning } from './secret-value.ts';
import { WebSocketLeakScanStream, WebSocketScrubStream } from './websocket/websocket-streams.ts';

/** Partial answers could cut a value in pieces that are no longer found; a coded one could not be passed on as it is. */
const STRIPPED = [
  'range',
  'if-range',
  'accept-encoding',
  // Messages within the body: gRPC and Connect.
  'grpc-accept-encoding',
  'connect-accept-encoding',
];

/** What of a request is looked at as a whole; untrusted. */
export interface RequestHead {
  readonly headers: HeaderList;
  /** Path and query. */
  readonly target: string;
}

/** A request ready to be sent, or the reason not to. */
export interface PreparedRequest {
  /** To send; empty when there is a leak. */
  readonly headers: HeaderList;
  /** Path and query to send; empty when there is a leak. */
  readonly target: string;
  /** Names of the secrets whose values are in `headers` or `target`. */
  readonly used: readonly string[];
  /** Names of the secrets to look for in the response: all that the host may have. Other VMs may have sent them. */
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
  /** Sentences for the user about values that are weak. */
  readonly warnings: readonly string[];

  /**
   * @param seed  Of the placeholders, see `createPlaceholder`.
   * @throws {GondolinError} NET_SECRET_INVALID on a name that is no variable name or comes twice, or a host that is none.
   */
  constructor(secrets: readonly ResolvedSecret[], seed: Uint8Array) {
    const names = secrets.map(({ name }) => name);
    const double = names.find((name, index) => names.indexOf(name) !== index);
    if (double !== undefined) {
      throw new GondolinError('NET_SECRET_INVALID', `Secret ${double} appears twice, want it once`);
    }
    this.#secrets = secrets.map((secret) => injectable(secret, seed));
    this.index = new PlaceholderIndex(this.#secrets);
    this.warnings = secrets
      .map(({ name, value }) => weaknessWarning(name, value))
      .filter((warning) => warning !== null);
  }

  /** Variables for the guest: the placeholder of each secret under its name. */
  get env(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#secrets.map(({ name, placeholder }) => [name, placeholder]));
  }

  /**
   * Puts values into a request that the policy and the hooks let through. To a host that may have a secret, the request is
   * changed so that the response can be scrubbed, whether it carries a value or not: no ranges, no compression.
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

  /** The leak in a request, as `prepareRequest` would tell it; nothing is put in. For the check before the hooks. */
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
   * For what a server sends on a WebSocket; null when there is nothing to look for.
   * @param scrub  Of the prepared opening request.
   */
  createWebSocketScrub(scrub: readonly string[]): WebSocketScrubStream | null {
    const patterns = this.patternsFor(scrub);
    return patterns === null ? null : new WebSocketScrubStream(patterns);
  }

  /** What to look for in an answer, for these of our secrets; null when there are none. */
  patternsFor(names: readonly string[]): ScrubPatterns | null {
    const secrets = this.#secrets.filter(({ name }) => names.includes(name));
    if (secrets.length === 0) return null;
    // Joined by what no name holds.
    const key = secrets.map(({ name }) => name).join(' ');
    let patterns = this.#patterns.get(key);
    if (patterns === undefined) {
      const list = secrets.flatMap(({ value, placeholder }) =>
        secretPatterns(value.reveal(), placeholder),
      );
      patterns = new ScrubPatterns(list);
      this.#patterns.set(key, patterns);
    }
    return patterns;
  }

  /**
   * How an answer goes to the guest.
   * @param scrub  Of the prepared request.
   * @throws {GondolinError} NET_RESPONSE_ENCODING when its body would have to be decoded and cannot.
   */
  planResponse(
    scrub: readonly string[],
    response: { readonly headers: HeaderList; readonly hasBody: boolean },
  ): ResponsePlan {
    return planResponse(this.patternsFor(scrub), response);
  }
}

function injectable(secret: ResolvedSecret, seed: Uint8Array): InjectableSecret {
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
    headers: new Set((secret.headers ?? []).map((header) => header.toLowerCase())),
    query: secret.query ?? false,
    allowHttp: secret.allowHttp ?? false,
    covers: compileHosts(secret.name, secret.hosts),
  };
}
