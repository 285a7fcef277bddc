import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { DIAL_MS } from '../limits.ts';
import { systemCode } from './system-code.ts';

/** A server, for messages. */
interface DialTarget {
  readonly name: string;
  readonly port: number;
}

/** Connects by Happy Eyeballs to the judged addresses only: `lookup` returns no others. */
export function openSocket(
  to: DialTarget,
  at: { addresses: readonly string[]; port: number; allowHalfOpen: boolean },
): Socket {
  const { addresses, port, allowHalfOpen } = at;
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_name, _options, done) => done(null, entries);
  const hasChoice = entries.length > 1;
  const socket = connect({
    host: hasChoice ? to.name : (addresses[0] ?? ''),
    port,
    lookup,
    autoSelectFamily: hasChoice,
    allowHalfOpen,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  // Users of the socket listen to 'close'; an error before that must never be uncaught.
  return socket.on('error', () => undefined);
}

/** Resolves once the socket is connected; rejects with NET_DIAL_FAILED (details: code), NET_DIAL_TIMEOUT or NET_CLOSED. */
export function connected(socket: Socket, to: DialTarget, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      fail(new GondolinError('NET_DIAL_TIMEOUT', `${to.name}:${to.port} did not respond`));
    }, DIAL_MS);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect).off('error', onError).off('close', onClose);
    };
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => {
      settle();
      resolve();
    };
    const onError = (cause: Error): void => {
      const details = { code: systemCode(cause) };
      const message = `cannot connect to ${to.name}:${to.port}`;
      fail(new GondolinError('NET_DIAL_FAILED', message, { cause, details }));
    };
    const onAbort = (): void =>
      fail(new GondolinError('NET_CLOSED', 'the guest closed the connection'));
    const onClose = (): void => fail(new GondolinError('NET_CLOSED', 'the network was closed'));
    socket.once('connect', onConnect).once('error', onError).once('close', onClose);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
  });
}
