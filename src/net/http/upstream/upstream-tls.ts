import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { DIAL_MS, MAX_UPSTREAM_ORIGINS } from '../../limits.ts';
import type { Dialer } from '../../tcp/dial.ts';
import { passPeerAddress } from '../../tcp/peer-address.ts';
import { systemCode } from '../../tcp/system-code.ts';
import type { Target } from '../request-context.ts';

/** Contexts kept, each with its own copy of Node's roots. */
const MAX_CONTEXTS = 4;
const contexts = new Map<string, SecureContext>();

/** Returns the context that trusts Node's roots and these: one for all VMs, because it takes longer to make than a handshake. */
function contextOf(roots: readonly string[]): SecureContext {
  const key = roots.join('\n');
  const known = contexts.get(key);
  if (known !== undefined) return known;
  const made = createSecureContext(
    roots.length === 0 ? {} : { ca: [...rootCertificates, ...roots] },
  );
  const [oldest] = contexts.keys();
  if (contexts.size >= MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
  contexts.set(key, made);
  return made;
}

/** TLS to servers, verified against Node's roots and the configured ones, for the name the guest asked for. */
export class UpstreamTls {
  readonly #dialer: Dialer;
  readonly #roots: readonly string[];
  readonly #sessions = new Map<string, Buffer>();

  /** @param roots  Further roots, PEM. */
  constructor(dialer: Dialer, roots: readonly string[]) {
    this.#dialer = dialer;
    this.#roots = roots;
  }

  /**
   * @param protocols  ALPN, best first.
   * @throws {AddressRefused | GondolinError} As `Dialer.dial`, and NET_UPSTREAM_TLS (details: code).
   */
  async open(target: Target, protocols: string[]): Promise<TLSSocket> {
    const raw = await this.#dialer.dial(target);
    const key = `${target.name}:${target.port}`;
    const session = this.#sessions.get(key);
    const options: ConnectionOptions = {
      socket: raw,
      host: target.name,
      servername: target.isLiteral ? '' : target.name,
      ALPNProtocols: protocols,
      secureContext: contextOf(this.#roots),
      ...(session === undefined ? {} : { session }),
    };
    const socket = connect(options);
    passPeerAddress(raw, socket);
    socket.on('session', (ticket) => this.#remember(key, ticket));
    await verified(socket, target);
    return socket;
  }

  #remember(key: string, ticket: Buffer): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, ticket);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MAX_UPSTREAM_ORIGINS && oldest !== undefined)
      this.#sessions.delete(oldest);
  }
}

function verified(socket: TLSSocket, target: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const at = `${target.name}:${target.port}`;
    const onClose = (): void =>
      fail(new GondolinError('NET_UPSTREAM_TLS', `${at} closed its TLS handshake`));
    const timer = setTimeout(
      () => fail(new GondolinError('NET_DIAL_TIMEOUT', `${at} did not finish its TLS handshake`)),
      DIAL_MS,
    );
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket
        .off('close', onClose)
        .removeAllListeners('error')
        .on('error', () => undefined);
      resolve();
    });
    socket.on('error', (cause) => {
      const details = { code: systemCode(cause) };
      fail(new GondolinError('NET_UPSTREAM_TLS', `no trusted TLS with ${at}`, { cause, details }));
    });
    socket.once('close', onClose);
  });
}
