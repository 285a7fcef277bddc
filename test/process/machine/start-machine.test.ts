import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { chooseConfinement } from '../../../src/host/confinement.ts';
import type { Directories } from '../../../src/host/directories.ts';
import { parseProcessStat } from '../../../src/host/process-life.ts';
import { requireTool } from '../../../src/host/tools.ts';
import { sweepStaleSessions } from '../../../src/machine/session-record.ts';
import {
  type Machine,
  type MachineSpec,
  type StartMachineOptions,
  startMachine,
} from '../../../src/machine/start-machine.ts';
import { fakeProgram } from '../../fixtures/fake-program.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { directoriesIn } from '../../fixtures/test-directories.ts';
import { type TinyKernelEnd, tinyKernelFiles } from '../../fixtures/tiny-kernel.ts';

const MIB = 1024 * 1024;
const ROOT = resolve(import.meta.dirname, '../../..');

interface Bench {
  readonly spec: MachineSpec;
  readonly directory: string;
  readonly directories: Directories;
  start(spec?: Partial<MachineSpec>, options?: StartMachineOptions): Promise<Machine>;
}

function bench(text = 'tiny: up\n', end: TinyKernelEnd = 'halt'): Bench {
  const directory = temporaryDirectory();
  const directories = directoriesIn(directory);
  const files = tinyKernelFiles(directory, text, end);
  const spec = { ...files, rootfsPath: null, cpus: 1, memoryBytes: 128 * MIB };
  return {
    spec,
    directory,
    directories,
    async start(changes = {}, options = {}) {
      const machine = await startMachine(
        { ...spec, ...changes },
        { accelerator: 'tcg', directories, ...options },
      );
      onTestFinished(() => machine.kill());
      return machine;
    },
  };
}

interface PciDevice {
  readonly id: { readonly vendor: number; readonly device: number };
}

function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.state !== 'Z';
}

it('startMachine() boots a kernel and collects its console', async () => {
  const { start } = bench('tiny: \x1b[31mup\x1b[0m\n');
  let raw = '';
  const onConsole = (chunk: Buffer) => {
    raw += chunk.toString();
  };
  const machine = await start({}, { onConsole });
  await vi.waitFor(() => expect(raw).toBe('tiny: \x1b[31mup\x1b[0m\n'), { timeout: 10_000 });
  expect(machine.consoleTail()).toBe('tiny: up');
  expect(await machine.qmp.execute('query-status')).toMatchObject({ status: 'running' });
});

it('Machine.kill() leaves no process and no file', async () => {
  const { start, directories } = bench();
  const machine = await start();
  expect(isRunning(machine.pid)).toBe(true);
  expect(readdirSync(directories.sessions)).toHaveLength(1);
  await Promise.all([machine.kill(), machine.kill()]);
  expect(isRunning(machine.pid)).toBe(false);
  expect(readdirSync(directories.sessions)).toEqual([]);
  expect(await machine.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

it('Machine.close() lets QEMU quit by itself', async () => {
  const { start, directories } = bench();
  const machine = await start();
  await machine.close();
  expect(await machine.exited).toEqual({ code: 0, signal: null });
  expect(readdirSync(directories.sessions)).toEqual([]);
});

it('Machine.close() kills a QEMU that is stopped', async () => {
  const machine = await bench().start();
  process.kill(machine.pid, 'SIGSTOP');
  await machine.close();
  expect(await machine.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

it('Machine.exited resolves and exitError() shows the console when the guest dies at boot', async () => {
  const machine = await bench('Kernel panic - not syncing\n', 'reset').start();
  expect(await machine.exited).toEqual({ code: 0, signal: null });
  const error = machine.exitError();
  expect(error).toMatchObject({ code: 'MACHINE_EXITED', details: { exitCode: 0, signal: null } });
  expect(error.message).toContain('\nKernel panic - not syncing');
});

it('the channels of a killed machine close without an uncaught error', async () => {
  const machine = await bench().start();
  const closed = [machine.control, machine.fs].map((channel) => {
    channel.resume();
    channel.write(Buffer.alloc(8 * MIB));
    return new Promise((resolve) => channel.once('close', resolve));
  });
  await machine.kill();
  await Promise.all(closed);
});

it('startMachine() reports the reason of QEMU itself when QEMU cannot start', async () => {
  const { start, directories, directory } = bench();
  const starting = start({ vmlinuxPath: join(directory, 'missing') });
  await expect(starting).rejects.toMatchObject({
    code: 'MACHINE_START_FAILED',
    message: expect.stringContaining('missing') as string,
  });
  expect(readdirSync(directories.sessions)).toEqual([]);
});

it('startMachine() leaves nothing when the host cannot spawn a process', async () => {
  const { start, directories } = bench();
  // Longer than the kernel takes for one argument.
  const kernelArguments = ['x'.repeat(200_000)];
  await expect(start({ kernelArguments })).rejects.toMatchObject({
    code: 'MACHINE_START_FAILED',
    cause: { code: 'E2BIG' },
  });
  expect(readdirSync(directories.sessions)).toEqual([]);
});

it('startMachine() rejects with the reason and leaves nothing when it is aborted', async () => {
  const { start, directories, directory } = bench();
  // A QEMU that never greets, so that the start is surely under way.
  fakeProgram(directory, 'qemu-system-x86_64', '[ "$1" = --version ] && exit 0; exec sleep 1000');
  vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const controller = new AbortController();
  const outcome = expect(start({}, { signal: controller.signal })).rejects.toThrow('enough');
  let pid = 0;
  const recordedPid = () => {
    const [name] = existsSync(directories.sessions) ? readdirSync(directories.sessions) : [];
    if (name === undefined) return 0;
    pid = JSON.parse(readFileSync(join(directories.sessions, name), 'utf8')).qemu?.pid ?? 0;
    return pid;
  };
  await expect.poll(recordedPid, { timeout: 10_000 }).toBeGreaterThan(0);
  controller.abort(new Error('enough'));
  await outcome;
  expect(isRunning(pid)).toBe(false);
  expect(readdirSync(directories.sessions)).toEqual([]);
  await expect(start({}, { signal: controller.signal })).rejects.toThrow('enough');
});

it('a machine has only the devices that it was given', async () => {
  const { start, directory } = bench();
  const rootfsPath = join(directory, 'root, with=commas.img');
  writeFileSync(rootfsPath, Buffer.alloc(MIB));
  const [one, two] = await Promise.all([start({ rootfsPath }), start({ rootfsPath })]);
  const [bus] = (await one.qmp.execute('query-pci')) as [{ devices: PciDevice[] }];
  const ids = bus.devices.map(({ id }) => `${id.vendor.toString(16)}:${id.device.toString(16)}`);
  expect(ids.toSorted()).toEqual([
    '1af4:1042', // virtio block
    '1af4:1043', // virtio console: the two ports
    '8086:2918', // ISA bridge, for the serial console
    '8086:29c0', // host bridge
  ]);
  for (const machine of [one, two]) {
    expect(await machine.qmp.execute('query-block')).toMatchObject([
      { inserted: { ro: true, image: { filename: rootfsPath } } },
    ]);
  }
});

it('QEMU has a process group of its own, so that Ctrl-C does not reach it', async () => {
  const { pid } = await bench().start();
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  expect([Number(group), Number(session)]).toEqual([pid, pid]);
});

it('QEMU runs under its seccomp filter, gains no privileges and writes no core file', async () => {
  const { pid } = await bench().start();
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  expect(/^Seccomp:\t(\d)$/m.exec(status)?.[1]).toBe('2');
  expect(/^NoNewPrivs:\t(\d)$/m.exec(status)?.[1]).toBe('1');
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  expect(limits).toMatch(/^Max core file size +0 +0 /m);
});

it('QEMU has no variable, capability, file or network of the host, and no root', async () => {
  vi.stubEnv('GONDOLIN_TEST_SECRET', 'hunter2');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { start, directories } = bench();
  const { pid } = await start();
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
    expect(new RegExp(`^${set}:\t0+$`, 'm').test(status), set).toBe(true);
  }
  const qemu = requireTool('qemu-system-x86_64');
  const found = await chooseConfinement({ qemu, cacheDirectory: directories.cache });
  const ids = [...status.matchAll(/^[UG]id:\t(\d+)\t(\d+)\t(\d+)/gm)].flatMap(([, ...id]) => id);
  if (found.ids !== null) expect(ids).not.toContain('0');
  else expect(ids[0]).toBe(String(process.getuid?.()));
  for (const kind of ['mnt', 'net', 'ipc', 'uts']) {
    const own = readlinkSync(`/proc/self/ns/${kind}`);
    expect(readlinkSync(`/proc/${pid}/ns/${kind}`) !== own, kind).toBe(found.hasOwnRoot);
  }
  if (!found.hasOwnRoot) return;
  expect(readdirSync(`/proc/${pid}/root`)).not.toContain('home');
  expect(readdirSync(`/proc/${pid}/root/etc`)).not.toContain('passwd');
  expect(() => writeFileSync(`/proc/${pid}/root/x`, '')).toThrow(/EROFS|EACCES|EPERM/);
  expect(readFileSync(`/proc/${pid}/net/dev`, 'utf8').match(/^ *\w+:/gm)).toEqual(['    lo:']);
});

it('QEMU boots where no namespace is allowed, with its own files only', async () => {
  const { start, directories } = bench();
  const qemu = requireTool('qemu-system-x86_64');
  const verdict = await chooseConfinement({
    ...{ qemu, cacheDirectory: directories.cache, useCache: false },
    attempt: async (_, { hasOwnRoot }) => (hasOwnRoot ? 'not here' : null),
  });
  expect(verdict).toMatchObject({ hasOwnRoot: false, hasLandlock: true });
  const machine = await start();
  expect(machine.confinement).toEqual(verdict);
  await vi.waitFor(() => expect(machine.consoleTail()).toBe('tiny: up'), { timeout: 10_000 });
});

it('two QEMUs of root run as two users, and each sees only its own files', async () => {
  const { start, directory } = bench();
  const [one, two] = await Promise.all([start(), start()]);
  const { ids } = one.confinement;
  const uids = [one, two].map(({ pid }) => statSync(`/proc/${pid}`).uid);
  if (ids === null) expect(new Set(uids)).toEqual(new Set([process.getuid?.()]));
  else expect(uids[0]).not.toBe(uids[1]);
  const seen = readdirSync(join(`/proc/${one.pid}/root`, directory));
  expect(seen.toSorted()).toEqual(
    one.confinement.hasOwnRoot ? ['initramfs', 'vmlinux'] : readdirSync(directory).toSorted(),
  );
});

it('startMachine() boots from files that only root can read', async () => {
  const { start, spec } = bench('tiny: private\n');
  chmodSync(spec.vmlinuxPath, 0o600);
  const machine = await start();
  await vi.waitFor(() => expect(machine.consoleTail()).toBe('tiny: private'), { timeout: 10_000 });
});

it('QEMU dies within 2 s of a kill -9 of its parent, and the next sweep removes the record', async () => {
  const { directory, directories } = bench();
  const holder = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/fixtures/machine-holder.ts', directory],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void holder.kill('SIGKILL'));
  const [line] = (await once(holder.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isRunning(pid)).toBe(true);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 2_000, interval: 20 });
  expect(readdirSync(directories.sessions)).toHaveLength(1);
  expect(sweepStaleSessions(directories.sessions).removedFiles).toHaveLength(1);
  expect(readdirSync(directories.sessions)).toEqual([]);
});
