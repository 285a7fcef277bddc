import { copyInto } from '../../util/channel-write.ts';
import type { ClientChannel, ServerChannel, SshClient } from './ssh2.ts';

/** Exit code of `ssh` itself for failures of the connection. */
export const SSH_FAILED = 255;

/** The end of a command on the server: an exit code, the name of a signal, or 255 if the server says neither. */
function ended(remote: ClientChannel): Promise<number | string> {
  return new Promise((resolve) => {
    let result: number | string = SSH_FAILED;
    remote.once('exit', (code: number | null, signal?: string) => {
      result = code ?? signal ?? SSH_FAILED;
    });
    remote.once('close', () => resolve(result));
  });
}

interface RemoteCommand {
  readonly channel: ClientChannel;
  readonly end: Promise<number | string>;
}

function start(
  client: SshClient,
  command: string,
  env: Readonly<Record<string, string>>,
): Promise<RemoteCommand> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the server closed the connection'));
    const done = (error: Error | undefined, channel: ClientChannel): void => {
      client.off('close', onClose);
      if (error !== undefined) reject(error);
      // In this tick: the exit code of a short command comes in the same packet as the reply.
      else resolve({ channel, end: ended(channel) });
    };
    client.once('close', onClose);
    client.exec(command, { env: { ...env } }, done);
  });
}

/**
 * Runs a command on the server and joins its streams with those of the guest until it has ended. A guest that closes its
 * channel ends the command's.
 * @throws {Error} of ssh2 when the server does not run it.
 */
export async function carryCommand(
  guest: ServerChannel,
  client: SshClient,
  what: { readonly command: string; readonly env: Readonly<Record<string, string>> },
): Promise<void> {
  const { channel: remote, end } = await start(client, what.command, what.env);
  guest.once('close', () => remote.close());
  remote.on('error', () => undefined);
  guest.pipe(remote);
  await Promise.all([copyInto(remote, guest, guest), copyInto(remote.stderr, guest.stderr, guest)]);
  const result = await end;
  if (typeof result === 'number') guest.exit(result);
  else guest.exit(result, false, '');
  guest.end();
}
