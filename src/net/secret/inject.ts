import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Leak, LeakPlace, LeakReason } from '../refusal/refusal.ts';
import type { HeaderList, RequestPlace } from './header-list.ts';
import type { PlaceholderIndex } from './leak/placeholder-index.ts';
import type { SecretValue } from './secret-value.ts';

/** The parts of a secret that requests need. */
export interface InjectableSecret {
  readonly name: string;
  readonly placeholder: string;
  readonly value: SecretValue;
  /** The value and earlier ones: to be taken out of responses. */
  readonly scrubbed: readonly SecretValue[];
  readonly isRevoked: boolean;
  /** Header fields that may carry it, in lower case; empty for every field. */
  readonly headers: ReadonlySet<string>;
  readonly query: boolean;
  readonly allowHttp: boolean;
  readonly covers: (host: string, port: number) => boolean;
}

/** Placeholders in one head. Each has 48 bytes and may be replaced by 8 KiB, or 24 KiB in a query. */
const MAX_SWAPS = 16;

/** Fields for routing and framing, which never carry a value. */
const FRAMING = new Set([
  'host',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const BASIC = /^(basic +)([A-Za-z0-9+/_-]+={0,2})$/i;

/** Returns the UTF-8 bytes of a text as header characters. */
function headerText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Returns why no value of this secret goes to that host at all, or null when one may. */
function hostProblem(
  { covers, allowHttp, isRevoked }: Pick<InjectableSecret, 'covers' | 'allowHttp' | 'isRevoked'>,
  { host, port, isTls }: RequestPlace,
): Exclude<LeakReason, 'place'> | null {
  if (isRevoked) return 'revoked';
  if (!covers(host, port)) return 'host_not_listed';
  return isTls || allowHttp ? null : 'not_tls';
}

/** Describes the leak of a secret, by its name, on its way to `to`. */
export function toLeak(
  secrets: readonly InjectableSecret[],
  name: string,
  at: { readonly to: RequestPlace; readonly place: LeakPlace; readonly where?: string },
): Leak {
  const { to, place, where = place } = at;
  const secret = secrets.find((one) => one.name === name);
  const reason = secret === undefined ? null : hostProblem(secret, to);
  return { kind: 'leak', secret: name, place, where, reason: reason ?? 'place' };
}

/** Replaces the placeholders in one request by the values of their secrets. */
export class Injector {
  readonly #usable: readonly InjectableSecret[];
  readonly #all: readonly InjectableSecret[];
  readonly #index: PlaceholderIndex;
  readonly #place: RequestPlace;
  readonly #used = new Set<string>();
  #swaps = 0;

  constructor(all: readonly InjectableSecret[], index: PlaceholderIndex, place: RequestPlace) {
    this.#all = all;
    this.#index = index;
    this.#place = place;
    this.#usable = all.filter((secret) => hostProblem(secret, place) === null);
  }

  /** Names of the secrets whose values have been inserted so far. */
  get used(): string[] {
    return [...this.#used];
  }

  /**
   * Returns the fields with values inserted, or the first leak.
   * @param headers  Untrusted.
   * @throws {GondolinError} NET_SECRET_LIMIT beyond 16 placeholders, as `target` does.
   */
  headers(headers: HeaderList): { headers: HeaderList; leak: Leak | null } {
    if (this.#isClean(headers)) return { headers, leak: null };
    const result: [string, string][] = [];
    for (const [name, value] of headers) {
      const inName = this.#index.findInText(name);
      if (inName !== null)
        return { headers: [], leak: this.#leak(inName, 'header', 'header name') };
      const { masked, text } = this.#inHeader(name.toLowerCase(), value);
      const left = this.#index.findInText(masked);
      if (left !== null) {
        return { headers: [], leak: this.#leak(left, 'header', `header ${name.toLowerCase()}`) };
      }
      result.push([name, text]);
    }
    return { headers: result, leak: null };
  }

  /** Returns the request target with values inserted into its query where allowed, or its first leak. */
  target(target: string): { target: string; leak: Leak | null } {
    const at = target.indexOf('?');
    const path = at < 0 ? target : target.slice(0, at);
    const inPath = this.#index.findInText(path);
    if (inPath !== null) return { target: '', leak: this.#leak(inPath, 'path') };
    if (at < 0) return { target, leak: null };
    const query = target.slice(at);
    const secrets = this.#usable.filter((secret) => secret.query);
    const { masked, text } = this.#swap(query, secrets, encodeURIComponent);
    const left = this.#index.findInText(masked);
    if (left !== null) return { target: '', leak: this.#leak(left, 'query') };
    return { target: path + text, leak: null };
  }

  /** Fast path for most requests: searches all fields at once. Basic credentials have to be decoded first. */
  #isClean(headers: HeaderList): boolean {
    if (headers.some(([, value]) => BASIC.test(value))) return false;
    const text = headers.map(([name, value]) => `${name}\n${value}`).join('\n');
    return this.#index.findInText(text) === null;
  }

  #inHeader(name: string, value: string): { masked: string; text: string } {
    if (FRAMING.has(name) || name.startsWith(':')) return { masked: value, text: value };
    const usable = this.#usable.filter(({ headers }) => headers.size === 0 || headers.has(name));
    const basic = BASIC.exec(value);
    if (basic === null) return this.#swap(value, usable, headerText);
    const decoded = Buffer.from(basic[2] ?? '', 'base64').toString('latin1');
    const { masked, text } = this.#swap(decoded, usable, headerText);
    if (text === decoded) return { masked: `${value} ${decoded}`, text: value };
    const encoded = Buffer.from(text, 'latin1').toString('base64');
    return { masked, text: `${basic[1] ?? ''}${encoded}` };
  }

  /** Replaces placeholders. `masked` is the text with them blanked out, so that only the rest is searched for leaks. */
  #swap(
    text: string,
    secrets: readonly InjectableSecret[],
    encode: (value: string) => string,
  ): { masked: string; text: string } {
    let masked = text;
    let swapped = text;
    for (const { name, placeholder, value } of secrets) {
      if (!masked.includes(placeholder)) continue;
      this.#used.add(name);
      this.#count(masked.split(placeholder).length - 1);
      masked = masked.replaceAll(placeholder, ' ');
      // A function, so that `$` in a value has no special meaning.
      swapped = swapped.replaceAll(placeholder, () => encode(value.reveal()));
    }
    return { masked, text: swapped };
  }

  /** Values may be 8 KiB long. The limit is on their number, so that it reveals nothing about their length. */
  #count(swaps: number): void {
    this.#swaps += swaps;
    if (this.#swaps <= MAX_SWAPS) return;
    throw new GondolinError(
      'NET_SECRET_LIMIT',
      `the head of a request has more than ${MAX_SWAPS} placeholders of secrets`,
    );
  }

  #leak(name: string, place: LeakPlace, where: string = place): Leak {
    return toLeak(this.#all, name, { to: this.#place, place, where });
  }
}
