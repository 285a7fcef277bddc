import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ConnectionRecord } from '../connection-record.ts';
import type { Destination } from '../destination.ts';
import type { Blocked } from '../refusal/refusal.ts';
import { reset } from '../tcp/splice.ts';
import { carryCommand, SSH_FAILED } from './carry-command.ts';
import { endChannel, serveGuestSession } from './guest-session.ts';
import { judgeSshCommand, sshRefusal } from './judge-ssh-command.ts';
import { HostKeyRefused, openUpstream } from './open-upstream.ts';
import type { ResolvedSsh } from './resolve-ssh.ts';
import {
  type AuthContext,
  EGRESS_ALGORITHMS,
  Server,
  type ServerChannel,
  type SshClient,
} from './ssh2.ts';

/** Sessions of one connection at a time, as OpenSSH's MaxSessions. */
const MAX_SESSIONS = 10;
/** Time until a guest has logged in; a slow one under TCG takes seconds. */
const LOGIN_MS = 2 * 60_000;
const USER = /^[\w.@+-]{1,64}$/;

export interface GuestSshServices {
  readonly ssh: ResolvedSsh;
  /** Private key in OpenSSH's format, which guests trust. */
  readonly hostKey: string;
  readonly fault: (error: Error) => void;
}

function refusedKey({ problem, key }: HostKeyRefused): Blocked {
  const decidedBy = [{ by: 'host_key', problem, key }] as const;
  return { kind: 'blocked', reason: 'ssh_host_key', decidedBy, suggest: null };
}

function keyAdvice(to: Destination, { problem, key, line }: HostKeyRefused): string {
  if (problem === 'unverified') return `hostVerifier refused the host key of ${to.name} (${key})`;
  if (problem === 'revoked') return `the host key of ${to.name} is revoked (${key})`;
  const what = problem === 'changed' ? 'is not the one in known_hosts' : 'is not in known_hosts';
  const then = problem === 'changed' ? 'replace its line there by' : 'add this line there';
  return `the host key of ${to.name} ${what}: ${key}. If its operator confirms this fingerprint, ${then}, on the host of this sandbox:\n${line}`;
}

/** One SSH connection of a guest: ended here, and carried by a connection of the host's to the server it means. */
export class GuestSsh {
  readonly #to: Destination;
  readonly #socket: Socket;
  readonly #record: ConnectionRecord;
  readonly #services: GuestSshServices;
  #username = '';
  #sessions = 0;
  #upstream: Promise<SshClient> | null = null;

  /** @param socket  Dialled to the server; destroyed with the guest's connection. */
  constructor(
    to: Destination,
    socket: Socket,
    record: ConnectionRecord,
    services: GuestSshServices,
  ) {
    this.#to = to;
    this.#socket = socket;
    this.#record = record;
    this.#services = services;
  }

  /** Resolves when the guest's connection is closed. */
  async run(guest: Duplex): Promise<void> {
    const { hostKey } = this.#services;
    const timer = setTimeout(() => reset(guest), LOGIN_MS);
    const server = new Server(
      { hostKeys: [hostKey], ident: 'gondolin', algorithms: EGRESS_ALGORITHMS },
      (client) => {
        // Errors of the protocol end the connection; they are the guest's.
        client.on('error', () => undefined);
        client.on('authentication', (context) => this.#logIn(context));
        client.on('ready', () => clearTimeout(timer));
        client.on('session', (accept, reject) => {
          if (this.#sessions >= MAX_SESSIONS) reject();
          else this.#serve(accept());
        });
      },
    );
    server.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => guest.once('close', () => resolve()));
    this.#socket.once('close', () => {
      if (!guest.destroyed && this.#upstream === null) reset(guest);
    });
    server.injectSocket(guest as Socket);
    await closed;
    clearTimeout(timer);
    this.#socket.destroy();
  }

  /** The guest has no credential: the connection itself says who it is. */
  #logIn(context: AuthContext): void {
    if (USER.test(context.username)) {
      this.#username = context.username;
      context.accept();
    } else context.reject();
  }

  #serve(session: Parameters<typeof serveGuestSession>[0]): void {
    this.#sessions += 1;
    session.once('close', () => {
      this.#sessions -= 1;
    });
    const guarded = (work: Promise<void>): void => {
      work.catch((error: Error) => this.#services.fault(error));
    };
    serveGuestSession(session, {
      exec: (channel, command, env) => guarded(this.#exec(channel, command, env)),
      other: (channel, asked) => {
        this.#record.refused('ssh', sshRefusal('session', asked));
        const text = `only commands are carried to ${this.#to.name}, no ${asked}`;
        guarded(endChannel(channel, text, 1));
      },
    });
  }

  async #exec(
    channel: ServerChannel,
    command: string,
    env: Readonly<Record<string, string>>,
  ): Promise<void> {
    channel.on('error', () => undefined);
    const { name: hostname, port } = this.#to;
    const asked = { hostname, port, guestUsername: this.#username, command };
    try {
      const verdict = await judgeSshCommand(this.#services.ssh, asked);
      if (!verdict.isAllowed) {
        this.#record.refused('ssh', verdict.refusal);
        await endChannel(channel, verdict.message, verdict.exitCode);
        return;
      }
      const client = await this.#open();
      this.#record.sshCommand(this.#login, verdict.command);
      await carryCommand(channel, client, { command: verdict.command, env });
    } catch (error) {
      await endChannel(channel, this.#explain(error), SSH_FAILED);
    }
  }

  get #login(): string {
    const { username } = this.#services.ssh.loginFor(this.#to.name, this.#to.port);
    return username ?? this.#username;
  }

  /** All sessions of a guest's connection share one connection to the server. */
  #open(): Promise<SshClient> {
    const { ssh } = this.#services;
    this.#upstream ??= openUpstream(this.#socket, this.#to, { username: this.#login, ssh }).catch(
      (error: unknown) => {
        if (error instanceof HostKeyRefused) this.#record.refused('ssh', refusedKey(error));
        throw error;
      },
    );
    return this.#upstream;
  }

  /** Says what failed, for the guest. Causes on the host go to its log. */
  #explain(error: unknown): string {
    const { name } = this.#to;
    if (error instanceof HostKeyRefused) return keyAdvice(this.#to, error);
    const { level, message = '' } = error as { level?: string; message?: string };
    if (level === 'client-authentication') {
      return `${name} accepts no credential of the host for the user ${this.#login}; the host's key or ssh-agent must be allowed there`;
    }
    if (GondolinError.is(error) || level === undefined) this.#services.fault(error as Error);
    return level === undefined ? `the command was not carried to ${name}` : `${name}: ${message}`;
  }
}
