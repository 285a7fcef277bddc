import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { copyRamOut } from './guest-ram.ts';
import { migrate } from './migration.ts';
import { SAVED_FILES } from './saved-files.ts';
import type { Machine } from './start-machine.ts';

const STATE_SOCKET = 'state.sock';

/**
 * Writes a machine of `savable` RAM into an empty directory, on disk when it resolves. The machine is stopped meanwhile,
 * and goes on afterwards however this ends; nothing may be on its way on its channels (agent `freeze`).
 * @throws {GondolinError} MACHINE_STATE_FAILED, also for a full disk; MACHINE_QMP_….
 */
export async function saveMachine(
  machine: Machine,
  memoryBytes: number,
  directory: string,
): Promise<void> {
  await machine.qmp.execute('stop');
  try {
    await saveState(machine, directory);
    await copyRamOut(machine.pid, join(directory, SAVED_FILES.ram), memoryBytes);
  } catch (cause) {
    if (GondolinError.is(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GondolinError('MACHINE_STATE_FAILED', `Cannot save the machine: ${reason}`, {
      cause,
    });
  } finally {
    await machine.qmp.execute('cont');
  }
}

/** QEMU can only write its state to a socket: it may neither start programs nor, in version 7, write files. */
async function saveState(machine: Machine, directory: string): Promise<void> {
  const place = await open(directory, 'r');
  const server = createServer();
  try {
    // Through the descriptor: a socket's path may have 107 bytes only.
    const path = `/proc/${process.pid}/fd/${place.fd}/${STATE_SOCKET}`;
    server.listen(path);
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const written = connected.then(async ([socket]) => {
      const file = createWriteStream(join(directory, SAVED_FILES.state), {
        flags: 'wx',
        mode: 0o600,
        flush: true,
      });
      await pipeline(socket, file);
    });
    written.catch(() => undefined);
    await migrate(machine.qmp, 'migrate', `unix:${path}`);
    await written;
  } finally {
    server.close();
    await place.close();
  }
}
