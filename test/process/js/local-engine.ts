import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsProgramPath } from '../../../src/host/package-root.ts';
import {
  attachArguments,
  type EngineChannel,
  engineArguments,
  type SavedEngine,
} from '../../../src/js/engine/engine-channel.ts';
import type { SandboxSizes } from '../../../src/js/sizes.ts';

/** In the place of a saved machine: where the processes listen that it would have copied. */
const SOCKET_FILE = 'socket';

/**
 * Runs gondolin-js on this machine: what it does does not depend on the machine around it. `save` moves its processes instead of
 * copying them: the next engine that opens the directory has them, and this one is of no use any more.
 */
export async function openLocal(sizes: SandboxSizes, saved?: SavedEngine): Promise<EngineChannel> {
  if (saved !== undefined) {
    const socket = readFileSync(join(saved.directory, SOCKET_FILE), 'utf8');
    return runLocal(attachArguments(socket, saved), socket);
  }
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-js-'));
  const channel = runLocal(
    engineArguments(sizes, join(directory, SOCKET_FILE)),
    join(directory, SOCKET_FILE),
  );
  void channel.ended.then(() => rmSync(directory, { recursive: true, force: true }));
  return channel;
}

function runLocal(args: readonly string[], socket: string): EngineChannel {
  const isAttached = args[0] === '--attach';
  const child = spawn(jsProgramPath(), args, {
    stdio: ['pipe', 'pipe', isAttached ? 'pipe' : 'inherit'],
    // A process group of its own, as in a guest.
    detached: true,
  });
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null) throw new Error('no pipes');
  const ended = once(child, 'exit').then(([code, signal]) => `exit ${code ?? signal}`);
  stdin.on('error', () => undefined);
  return {
    ended,
    async write(bytes) {
      if (!stdin.write(bytes)) await once(stdin, 'drain');
    },
    onOutput: (listener) => void stdout.on('data', listener),
    keepAlive: () => undefined,
    async save(directory) {
      writeFileSync(join(directory, SOCKET_FILE), socket);
      stdin.end();
    },
    async interrupt() {
      const passedOn = stderr === null ? null : once(stderr, 'data');
      process.kill(-(child.pid ?? 0), 'SIGUSR1');
      await passedOn;
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await ended;
    },
  };
}
