import { timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { serveSession } from './serve-session.ts';
import type { SshGuest } from './ssh-guest.ts';
import { type AuthContext, type Connection, utils } from './ssh2.ts';

/** Attempts to log in, and time for that. */
const MAX_TRIES = 6;
const LOGIN_MS = 30_000;
/** Sessions and forwarded connections of one client at a time. */
const MAX_CHANNELS = 128;

/** The user and the key that are let in. */
export interface AdmittedKey {
  readonly user: string;
  /** `ssh-ed25519 AAAA…` */
  readonly clientKey: string;
}

function isLetIn(context: AuthContext, { user, clientKey }: AdmittedKey): boolean {
  if (context.method !== 'publickey' || context.username !== user) return false;
  const key = utils.parseKey(clientKey);
  if (key instanceof Error || context.key.algo !== 'ssh-ed25519') return false;
  const allowed = key.getPublicSSH();
  const offered = context.key.data;
  if (offered.length !== allowed.length || !timingSafeEqual(offered, allowed)) return false;
  // Without a signature the client only asks whether the key would do.
  if (context.signature === undefined) return true;
  return key.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo) === true;
}

/** The server in the guest that a forwarded connection means; undefined for another machine. */
function guestHost(host: string): string | null | undefined {
  if (host === 'localhost' || host === '') return null;
  return isIP(host) === 0 ? undefined : host;
}

/** Joins a forwarded connection and its server, with the ends of each half. */
function join(channel: Duplex, server: Duplex): void {
  const end = (): void => {
    channel.destroy();
    server.destroy();
  };
  channel.on('error', end).once('close', () => server.destroy());
  server.on('error', end).once('close', () => channel.end());
  channel.pipe(server);
  server.pipe(channel);
}

/** Serves one client: lets it in by the key, then its sessions and forwarded ports. Forwarding from the guest is refused. */
export function serveConnection(
  client: Connection,
  guest: SshGuest,
  login: AdmittedKey,
  env: Readonly<Record<string, string>>,
): void {
  let tries = 0;
  let channels = 0;
  const timer = setTimeout(() => client.end(), LOGIN_MS);
  // A broken connection ends its channels, which is all there is to do.
  client.on('error', () => undefined);
  client.once('close', () => clearTimeout(timer));
  client.on('authentication', (context) => {
    if (isLetIn(context, login)) {
      context.accept();
      return;
    }
    tries += 1;
    if (tries > MAX_TRIES) client.end();
    else context.reject(['publickey']);
  });
  client.once('ready', () => clearTimeout(timer));
  const counted = (open: { once(event: 'close', listener: () => void): unknown }): void => {
    channels += 1;
    open.once('close', () => {
      channels -= 1;
    });
  };
  client.on('session', (accept, reject) => {
    if (channels >= MAX_CHANNELS) {
      reject();
      return;
    }
    const session = accept();
    counted(session);
    serveSession(session, guest, env);
  });
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    const host = guestHost(destIP);
    if (channels >= MAX_CHANNELS || host === undefined) {
      reject();
      return;
    }
    guest.connect(destPort, host).then(
      (server) => {
        const channel = accept();
        // None when the client left meanwhile.
        if (channel === undefined) {
          server.destroy();
          return;
        }
        counted(channel);
        join(channel, server);
      },
      () => reject(),
    );
  });
}
