import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { jsProgramPath } from '../../../src/host/package-root.ts';
import { type EngineChannel, engineArguments } from '../../../src/js/engine/engine-channel.ts';
import { engineSizes, type SandboxSizes } from '../../../src/js/sizes.ts';

/** Runs gondolin-js on this machine: what it does does not depend on the machine around it. */
export async function openLocal(sizes: SandboxSizes): Promise<EngineChannel> {
  const child = spawn(jsProgramPath(), engineArguments(engineSizes(sizes)), {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A process group of its own, as in a guest.
    detached: true,
  });
  const ended = once(child, 'exit').then(([code, signal]) => `exit ${code ?? signal}`);
  child.stdin.on('error', () => undefined);
  return {
    ended,
    async write(bytes) {
      if (!child.stdin.write(bytes)) await once(child.stdin, 'drain');
    },
    onOutput: (listener) => void child.stdout.on('data', listener),
    keepAlive: () => undefined,
    async interrupt() {
      process.kill(-(child.pid ?? 0), 'SIGUSR1');
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await ended;
    },
  };
}
