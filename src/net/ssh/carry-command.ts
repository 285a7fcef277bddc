import { copyInto } from '../../util/channel-write.ts';
import type { ClientChannel, ServerChannel, SshClient } from './ssh2.ts';

/** Exit code of `ssh` itself for failures of the connection. */
export const SSH_FAILED = 255;

function start(
  client: SshClient,
  command: string,
  env: Readonly<Record<string, string>>,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the server closed the connection'));
    const done = (error: Error | undefined, channel: ClientChannel): void => {
      client.off('close', onClose);
      if (error === undefined) resolve(channel);
      else reject(error);
    };
    client.once('close', onClose);
    client.exec(command, { env: { ...env } }, done);
  });
}

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
  const remote = await start(client, what.command, what.env);
  const end = ended(remote);
  guest.once('close', () => remote.close());
  remote.on('error', () => undefined);
  guest.pipe(remote);
  await Promise.all([copyInto(remote, guest, guest), copyInto(remote.stderr, guest.stderr, guest)]);
  const result = await end;
  if (typeof result === 'number') guest.exit(result);
  else guest.exit(result, false, '');
  guest.end();
}
