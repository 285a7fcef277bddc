import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsProgramPath } from '../../../src/host/package-root.ts';
import type { EngineChannel, SavedEngine } from '../../../src/js/engine/engine-channel.ts';
import { startEngine } from '../../../src/js/engine/greet.ts';
import type { SandboxSizes } from '../../../src/js/sizes.ts';

/** In the place of a saved machine: the number of the processes that it would have copied. */
const NUMBER_FILE = 'number';
const saved: (() => EngineChannel)[] = [];

/**
 * Runs gondolin-js on this machine: what it does does not depend on the machine around it. `save` moves its processes instead of
 * copying them: the next engine that opens the directory has them, and this one is of no use any more.
 */
export async function openLocal(sizes: SandboxSizes, from?: SavedEngine): Promise<EngineChannel> {
  if (from === undefined) return runLocal(sizes);
  const open = saved[Number(readFileSync(join(from.directory, NUMBER_FILE), 'utf8'))];
  if (open === undefined) throw new Error('nothing was saved there');
  return open();
}

async function runLocal(sizes: SandboxSizes): Promise<EngineChannel> {
  const child = spawn(jsProgramPath(), [], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A process group of its own, as in a guest.
    detached: true,
  });
  const { stdin, stdout } = child;
  const ended = once(child, 'exit').then(([code, signal]) => `exit ${code ?? signal}`);
  stdin.on('error', () => undefined);
  await startEngine(stdin, stdout, sizes);
  let isMoved = false;
  const channel: EngineChannel = {
    ended,
    async write(bytes) {
      if (!stdin.write(bytes)) await once(stdin, 'drain');
    },
    onOutput: (listener) => {
      stdout.removeAllListeners('data');
      stdout.on('data', listener).resume();
    },
    keepAlive: () => undefined,
    async save(directory) {
      saved.push(() => ({ ...channel, close }));
      writeFileSync(join(directory, NUMBER_FILE), String(saved.length - 1));
      isMoved = true;
    },
    openClock: async () => null,
    async interrupt() {
      process.kill(-(child.pid ?? 0), 'SIGUSR1');
    },
    async close() {
      if (!isMoved) await close();
    },
  };
  async function close(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
  }
  return channel;
}
