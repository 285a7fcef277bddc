import type { Socket } from 'node:net';
import type { ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import type { Destination } from '../destination.ts';
import type { HostKeyProblem } from '../refusal/refusal.ts';
import { type KnownHosts, keyFingerprint, keyType, knownHostName } from './known-hosts.ts';
import type { ResolvedSsh } from './resolve-ssh.ts';
import { Client, EGRESS_ALGORITHMS, type SshClient } from './ssh2.ts';

const READY_MS = 15_000;
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_COUNT = 3;

/** The server's key was refused: nothing was sent to it. */
export class HostKeyRefused extends Error {
  readonly problem: HostKeyProblem;
  /** Type and fingerprint. */
  readonly key: string;
  /** The line of known_hosts that would make it known. */
  readonly line: string;

  constructor(problem: HostKeyProblem, key: Buffer, to: Destination) {
    super(`the host key is ${problem}`);
    this.problem = problem;
    const type = keyType(key) || 'unknown';
    this.key = `${type} ${keyFingerprint(key)}`;
    this.line = `${knownHostName(to.name, to.port)} ${type} ${key.toString('base64')}`;
  }
}

/** Algorithms by the type of key in known_hosts, best first. SHA-1 signatures of RSA are not accepted. */
const BY_TYPE: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Asks for the types that are known, so that a server with several keys shows one that can be compared. */
function hostKeyAlgorithms(known: KnownHosts | null, to: Destination): ServerHostKeyAlgorithm[] {
  const types = known?.typesFor(to.name, to.port) ?? [];
  const wanted = Object.entries(BY_TYPE).filter(([type]) => types.includes(type));
  return (wanted.length > 0 ? wanted : Object.entries(BY_TYPE)).flatMap(([, names]) => names);
}

function authentication(ssh: ResolvedSsh, to: Destination) {
  const { key } = ssh.loginFor(to.name, to.port);
  if (key !== null) {
    const { privateKey, passphrase } = key.reveal();
    return {
      authHandler: ['publickey' as const],
      privateKey,
      ...(passphrase === undefined ? {} : { passphrase }),
    };
  }
  const { agent } = ssh.options;
  if (agent !== undefined) return { authHandler: ['agent' as const], agent };
  return { authHandler: ['none' as const] };
}

type Verify = (key: Buffer) => Promise<HostKeyProblem | null>;

function verifier(ssh: ResolvedSsh, known: KnownHosts | null, to: Destination): Verify {
  const { hostVerifier } = ssh.options;
  return async (key) => {
    if (hostVerifier !== undefined) {
      const isTrusted = await hostVerifier(key, { hostname: to.name, port: to.port });
      return isTrusted === true ? null : 'unverified';
    }
    const verdict = known?.check(to.name, to.port, key) ?? 'unknown';
    return verdict === 'known' ? null : verdict;
  };
}

/**
 * Speaks SSH on a connection to a server, verifies the server and logs in with the host's credential.
 *
 * @param socket  Dialled; destroyed if this fails.
 * @throws {HostKeyRefused} for a key that is not the known one.
 * @throws {GondolinError} NET_SSH_INVALID when known_hosts cannot be read.
 * @throws {Error} of ssh2 when the handshake or the login fails; its text is about the protocol.
 */
export async function openUpstream(
  socket: Socket,
  to: Destination,
  login: { readonly username: string; readonly ssh: ResolvedSsh },
): Promise<SshClient> {
  const { username, ssh } = login;
  const { options } = ssh;
  const known = options.hostVerifier === undefined ? await ssh.knownHosts() : null;
  const verify = verifier(ssh, known, to);
  const client = new Client();
  // Each session listens for its end.
  client.setMaxListeners(0);
  return new Promise((resolve, reject) => {
    let refused: Error | null = null;
    const fail = (error: Error): void => {
      socket.destroy();
      reject(refused ?? error);
    };
    // Errors after 'ready' end the channels, which is how their users learn of them.
    client.on('error', fail);
    client.once('close', () => fail(new Error('the server closed the connection')));
    client.once('ready', () => resolve(client));
    const config: ConnectConfig = {
      sock: socket,
      username,
      ...authentication(ssh, to),
      algorithms: { ...EGRESS_ALGORITHMS, serverHostKey: hostKeyAlgorithms(known, to) },
      ident: 'gondolin',
      readyTimeout: options.upstreamReadyTimeoutMs ?? READY_MS,
      keepaliveInterval: options.upstreamKeepaliveIntervalMs ?? KEEPALIVE_MS,
      keepaliveCountMax: options.upstreamKeepaliveCountMax ?? KEEPALIVE_COUNT,
      hostVerifier: (key: Buffer, done: (isKnown: boolean) => void) => {
        verify(key).then(
          (problem) => {
            if (problem !== null) refused = new HostKeyRefused(problem, key, to);
            done(problem === null);
          },
          (error: unknown) => {
            refused = new Error('hostVerifier failed', { cause: error });
            done(false);
          },
        );
      },
    };
    client.connect(config);
  });
}
