import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../src/host/package-root.ts';
import { encodeCpio } from '../src/image/cpio.ts';
import type { GuestImage } from '../src/image/guest-image.ts';
import { startMachine } from '../src/machine/start-machine.ts';

const READY = 'BARE-INIT-READY';

/** An initramfs that holds nothing but `guest/bench/bare_init.c`. The caller removes its directory. */
export async function buildFloorInitramfs(): Promise<{
  path: string;
  remove: () => Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'gondolin-floor-'));
  const path = join(directory, 'initramfs.cpio');
  const init = readFileSync(packageFile('guest', 'build', 'bare-init'));
  const archive = encodeCpio([
    { kind: 'directory', path: 'dev', mode: 0o755 },
    { kind: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'file', path: 'init', mode: 0o755, data: init },
  ]);
  await writeFile(path, archive);
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Milliseconds from the start of QEMU to the first line of a bare init. */
export async function bootFloor(
  image: GuestImage,
  initramfsPath: string,
  size: { readonly cpus: number; readonly memoryBytes: number },
): Promise<number> {
  const started = performance.now();
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  let text = '';
  const machine = await startMachine(
    { vmlinuxPath: image.vmlinuxPath, rootfsPath: image.rootfsPath, initramfsPath, ...size },
    {
      onConsole: (chunk) => {
        text += chunk.toString('latin1');
        if (text.includes(READY)) onReady();
      },
    },
  );
  await Promise.race([ready, machine.exited.then(() => Promise.reject(machine.exitError()))]);
  const elapsed = performance.now() - started;
  await machine.kill();
  return elapsed;
}
