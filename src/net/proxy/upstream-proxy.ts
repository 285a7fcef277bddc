import { parseHost } from '../../address/host.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { compileHostPatterns, type HostPatterns } from '../policy/host-patterns.ts';
import { checkSecretValue, SecretValue } from '../secret/secret-value.ts';
import type { UpstreamProxyOptions } from './proxy-options.ts';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, socks5: 1080 };
/** RFC 1929: a length of one byte for each. */
const MAX_SOCKS_PART_BYTES = 255;

function invalid(problem: string): GondolinError {
  return new GondolinError('NET_PROXY_INVALID', `network.upstream_proxy: ${problem}`);
}

interface ProxyAddress {
  readonly kind: 'http' | 'https' | 'socks5';
  readonly host: string;
  readonly port: number;
}

/** Nothing of the text is shown: it may hold a password. */
function readUrl(text: unknown): ProxyAddress {
  const want = 'want http://host:port, https://host:port or socks5://host:port';
  if (typeof text !== 'string' || !URL.canParse(text)) throw invalid(`no URL, ${want}`);
  // Only special schemes have their host checked and their port read by the URL rules.
  const scheme = /^([a-z0-9]+):\/\//i.exec(text)?.[1]?.toLowerCase() ?? '';
  const url = new URL(text.replace(/^[a-z0-9]+:/i, 'http:'));
  const kind = scheme === 'http' || scheme === 'https' || scheme === 'socks5' ? scheme : null;
  if (kind === null) throw invalid(`another scheme, ${want}`);
  if (url.username !== '' || url.password !== '') {
    throw invalid('credentials in the URL: give them as credentials');
  }
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
    throw invalid(`a path in the URL, ${want}`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const written = /:(\d+)\/?$/.exec(text)?.[1];
  const port = Number(written ?? DEFAULT_PORTS[kind]);
  if (host === '' || !(port >= 1 && port <= 65_535)) throw invalid(want);
  return { kind, host, port };
}

function readCredentials(given: UpstreamProxyOptions['credentials']): Credentials | null {
  if (given === undefined) return null;
  const value = given instanceof SecretValue ? given : checkSecretValue('upstream_proxy', given);
  const text = value.reveal();
  const at = text.indexOf(':');
  if (at < 1) throw invalid('credentials that are not user:password');
  return { value, user: text.slice(0, at), password: text.slice(at + 1) };
}

/** Returns options in which credentials are no text any more: printing them shows none. */
export function proxyOptions(given: string | UpstreamProxyOptions): UpstreamProxyOptions {
  if (typeof given === 'string') return { url: given };
  const { credentials } = given;
  if (typeof credentials !== 'string') return given;
  return { ...given, credentials: checkSecretValue('upstream_proxy', credentials) };
}

/** Credentials of a proxy. */
export interface Credentials {
  readonly value: SecretValue;
  readonly user: string;
  readonly password: string;
}

/** The compiled proxy of a network. Printing it shows no credentials. */
export class UpstreamProxy {
  readonly kind: ProxyAddress['kind'];
  readonly host: string;
  readonly port: number;
  readonly resolvesNames: boolean;
  readonly #credentials: Credentials | null;
  readonly #noProxy: HostPatterns;

  /** @throws {GondolinError} NET_PROXY_INVALID, NET_SECRET_INVALID for credentials, NET_PATTERN_INVALID for `noProxy`. */
  constructor(options: UpstreamProxyOptions) {
    const { kind, host, port } = readUrl(options.url);
    this.kind = kind;
    this.host = host;
    this.port = port;
    const { resolve = 'local', noProxy = [] } = options;
    if (resolve !== 'local' && resolve !== 'proxy') throw invalid('resolve is not local or proxy');
    this.resolvesNames = resolve === 'proxy';
    this.#credentials = readCredentials(options.credentials);
    const { user = '', password = '' } = this.#credentials ?? {};
    const longest = Math.max(Buffer.byteLength(user), Buffer.byteLength(password));
    if (kind === 'socks5' && longest > MAX_SOCKS_PART_BYTES) {
      throw invalid('a user or password of more than 255 bytes, which SOCKS5 cannot carry');
    }
    this.#noProxy = compileHostPatterns(noProxy, 'upstream_proxy.no_proxy', { isDeep: true });
  }

  /** `proxy.example.com:3128`, for messages. */
  get place(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  get credentials(): Credentials | null {
    return this.#credentials;
  }

  /** Returns true for a name or address that is dialled without the proxy. */
  isDirect(host: string, port: number): boolean {
    const parsed = parseHost(host);
    return parsed !== null && this.#noProxy.find(parsed, port) !== undefined;
  }
}
