import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { OpensshKey } from '../../util/openssh-key.ts';
import type { ConnectionRecord } from '../connection-record.ts';
import type { Destination } from '../destination.ts';
import { peerAddress } from '../tcp/peer-address.ts';
import { GuestSsh } from './guest-ssh.ts';
import type { ResolvedSsh } from './resolve-ssh.ts';

const MAX_CONNECTIONS = 64;

/** Loaded for the first SSH connection of a network: carries such connections with the host's credentials. */
export class SshEgress {
  readonly #services: {
    readonly ssh: ResolvedSsh;
    readonly hostKey: string;
    readonly fault: (error: Error) => void;
  };

  #open = 0;

  constructor(ssh: ResolvedSsh, key: OpensshKey, fault: (error: Error) => void) {
    this.#services = { ssh, hostKey: key.privateText, fault };
  }

  /** True when the VM has as many SSH connections as it may. */
  get isFull(): boolean {
    return (
      this.#open >= (this.#services.ssh.options.maxUpstreamConnectionsTotal ?? MAX_CONNECTIONS)
    );
  }

  /** Resolves when the connection is closed. @param socket  Dialled to the server; taken over. */
  async serve(
    guest: Duplex,
    socket: Socket,
    place: { readonly to: Destination; readonly record: ConnectionRecord },
  ): Promise<void> {
    const { to, record } = place;
    this.#open += 1;
    record.open('ssh', peerAddress(socket));
    await new GuestSsh(to, socket, record, this.#services).run(guest);
    this.#open -= 1;
    const bytes = { sentBytes: socket.bytesWritten, receivedBytes: socket.bytesRead };
    record.end('ssh', { ...bytes, error: guest.errored });
  }
}
