import { mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
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
import { tinyKernelFiles } from '../../fixtures/tiny-kernel.ts';

const MEMORY_BYTES = 128 * 1024 * 1024;
/** Where the tiny kernel is loaded. */
const KERNEL_ADDRESS = 0x10_0000;

interface Bench {
  readonly directory: string;
  start(ram: MachineSpec['ram'], statePath?: string): Promise<Machine>;
}

function bench(): Bench {
  const directory = temporaryDirectory();
  const directories = {
    cache: join(directory, 'cache'),
    images: join(directory, 'cache/images'),
    templates: join(directory, 'cache/templates'),
    state: join(directory, 'state'),
    sessions: join(directory, 'state/sessions'),
  };
  const files = tinyKernelFiles(directory, 'tiny: up\n', 'halt');
  const spec = { ...files, rootfsPath: null, cpus: 1, memoryBytes: MEMORY_BYTES };
  return {
    directory,
    async start(ram = { kind: 'private' }, statePath) {
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
  const machine = await start({ kind: 'savable' });
  await saveMachine(machine, MEMORY_BYTES, target);
  expect(await machine.qmp.execute('query-status')).toMatchObject({ status: 'running' });
  return { ram: join(target, SAVED_FILES.ram), state: join(target, SAVED_FILES.state) };
}

it('saveMachine() writes the RAM sparse, and a clone of it starts stopped with the same memory', async () => {
  const place = bench();
  const { ram, state } = await saved(place);
  const { size, blocks } = statSync(ram);
  expect(size).toBe(MEMORY_BYTES);
  expect(blocks * 512).toBeLessThan(MEMORY_BYTES / 4);
  const memory = readFileSync(ram);
  expect(memory.indexOf('tiny: up\n', KERNEL_ADDRESS)).toBeGreaterThan(0);

  const clone = await place.start({ kind: 'clone', path: ram }, state);
  expect(await clone.qmp.execute('query-status')).toMatchObject({ status: 'paused' });
  await clone.resume();
  expect(await clone.qmp.execute('query-status')).toMatchObject({ status: 'running' });
  expect(readFileSync(ram).equals(memory)).toBe(true);
});

it('saveMachine() refuses a machine whose RAM is private, which goes on', async () => {
  const place = bench();
  const machine = await place.start({ kind: 'private' });
  const target = join(place.directory, 'saved');
  mkdirSync(target);
  await expect(saveMachine(machine, MEMORY_BYTES, target)).rejects.toMatchObject({
    code: 'MACHINE_STATE_FAILED',
  });
  expect(await machine.qmp.execute('query-status')).toMatchObject({ status: 'running' });
});

it('startMachine() refuses a state that is cut off and leaves no QEMU', async () => {
  const place = bench();
  const { ram, state } = await saved(place);
  truncateSync(state, statSync(state).size >> 1);
  await expect(place.start({ kind: 'clone', path: ram }, state)).rejects.toMatchObject({
    code: expect.stringMatching(/^MACHINE_(STATE_FAILED|START_FAILED)$/),
  });
});
