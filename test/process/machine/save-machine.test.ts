import { mkdirSync, readFileSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { saveMachine } from '../../../src/machine/save-machine.ts';
import { SAVED_FILES } from '../../../src/machine/saved-files.ts';
import {
  type Machine,
  type MachineSpec,
  startMachine,
} from '../../../src/machine/start-machine.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { directoriesIn } from '../../fixtures/test-directories.ts';
import { tinyKernelFiles } from '../../fixtures/tiny-kernel.ts';

const MEMORY_BYTES = 128 * 1024 * 1024;
/** Where the tiny kernel is loaded. */
const KERNEL_ADDRESS = 0x10_0000;

interface Bench {
  readonly directory: string;
  start(ram?: MachineSpec['ram'], statePath?: string): Promise<Machine>;
}

function bench(): Bench {
  const directory = temporaryDirectory();
  const directories = directoriesIn(directory);
  const files = tinyKernelFiles(directory, 'tiny: up\n', 'halt');
  const spec = { ...files, rootfsPath: null, cpus: 1, memoryBytes: MEMORY_BYTES };
  return {
    directory,
    async start(ram = { kind: 'fresh' }, statePath) {
      const machine = await startMachine(
        { ...spec, ram },
        { accelerator: 'tcg', directories, ...(statePath === undefined ? {} : { statePath }) },
      );
      onTestFinished(() => machine.kill());
      return machine;
    },
  };
}

async function saved({ directory, start }: Bench): Promise<{ ram: string; state: string }> {
  const target = join(directory, 'saved');
  mkdirSync(target);
  const machine = await start();
  await saveMachine(machine, target);
  expect(await machine.qmp.execute('query-status')).toMatchObject({ status: 'running' });
  return { ram: join(target, SAVED_FILES.ram), state: join(target, SAVED_FILES.state) };
}

it('saveMachine() writes the RAM sparse, and a clone of it runs on the same memory', async () => {
  const place = bench();
  const { ram, state } = await saved(place);
  const { size, blocks } = statSync(ram);
  expect(size).toBe(MEMORY_BYTES);
  expect(blocks * 512).toBeLessThan(MEMORY_BYTES / 4);
  const memory = readFileSync(ram);
  expect(memory.indexOf('tiny: up\n', KERNEL_ADDRESS)).toBeGreaterThan(0);

  const clone = await place.start({ kind: 'clone', path: ram }, state);
  expect(await clone.qmp.execute('query-status')).toMatchObject({ status: 'running' });
  expect(readFileSync(ram).equals(memory)).toBe(true);
});

it('saveMachine() also saves a clone whose RAM file was removed', async () => {
  const place = bench();
  const { ram, state } = await saved(place);
  const memory = readFileSync(ram);
  const clone = await place.start({ kind: 'clone', path: ram }, state);
  unlinkSync(ram);
  const target = join(place.directory, 'again');
  mkdirSync(target);
  await saveMachine(clone, target);
  const again = readFileSync(join(target, SAVED_FILES.ram));
  const kernel = (bytes: Buffer) => bytes.subarray(KERNEL_ADDRESS, KERNEL_ADDRESS * 2);
  expect(kernel(again).equals(kernel(memory))).toBe(true);
});

it('saveMachine() fails when it cannot write, and resumes the machine', async () => {
  const place = bench();
  const machine = await place.start();
  await expect(saveMachine(machine, join(place.directory, 'none'))).rejects.toMatchObject({
    code: 'MACHINE_STATE_FAILED',
  });
  expect(await machine.qmp.execute('query-status')).toMatchObject({ status: 'running' });
});

it('a machine with an incomplete state exits and reports why', async () => {
  const place = bench();
  const { ram, state } = await saved(place);
  truncateSync(state, statSync(state).size >> 1);
  // QEMU may answer on its monitor first.
  const running = async () => {
    const clone = await place.start({ kind: 'clone', path: ram }, state);
    await clone.exited;
    throw clone.exitError();
  };
  await expect(running()).rejects.toThrow('load of migration failed');
});
