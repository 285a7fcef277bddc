import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTool } from '../../src/host/tools.ts';
import { VM, type VMOptions } from '../../src/index.ts';

/** Where Debian's QEMU 7.2 has it. */
const VIRTIOFSD = '/usr/lib/qemu/virtiofsd';
const START_LIMIT_MS = 10_000;

/**
 * Creates a VM that also has a directory by virtiofsd, with its default cache policy, at `/peer`.
 * @param directory  Of this run, for the socket and the start script: QEMU sees what is beside the `bin` of its program.
 * @throws {Error} when QEMU's packages have no virtiofsd, or it does not start.
 */
export async function createVMWithPeer(
  directory: string,
  source: string,
  options: VMOptions,
): Promise<{ readonly vm: VM; readonly stop: () => void }> {
  if (!existsSync(VIRTIOFSD)) throw new Error(`there is no ${VIRTIOFSD}`);
  const socket = join(directory, 'qemu/peer.sock');
  mkdirSync(join(directory, 'qemu/bin'), { recursive: true });
  const daemon = spawn(
    VIRTIOFSD,
    [`--socket-path=${socket}`, '-o', `source=${source},cache=auto,sandbox=chroot`],
    { stdio: 'ignore' },
  );
  try {
    await waitForSocket(socket, daemon);
    chmodSync(socket, 0o666);
    const vm = await withDevice(directory, socket, () => VM.create({ ...options, cold: true }));
    await mountPeer(vm);
    return { vm, stop: () => void daemon.kill() };
  } catch (error) {
    daemon.kill();
    throw error;
  }
}

async function waitForSocket(socket: string, { exitCode }: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!existsSync(socket)) {
    if (exitCode !== null || performance.now() > deadline) throw new Error('no virtiofsd');
    await sleep(20);
  }
}

async function mountPeer(vm: VM): Promise<void> {
  const line = 'modprobe virtiofs && mkdir -p /peer && mount -t virtiofs peer /peer';
  const { exitCode, stderr } = await vm.exec(line);
  if (exitCode !== 0) throw new Error(`the guest does not mount virtiofs: ${stderr}`);
}

/** gondolin finds QEMU in PATH: for this one start a script is in front of it. */
async function withDevice(
  directory: string,
  socket: string,
  create: () => Promise<VM>,
): Promise<VM> {
  const qemu = findTool('qemu-system-x86_64')?.path ?? '';
  const device = `-chardev socket,id=peer,path=${socket} -device vhost-user-fs-pci,chardev=peer,tag=peer`;
  const script = join(directory, 'qemu/bin/qemu-system-x86_64');
  writeFileSync(
    script,
    `#!/bin/sh\ncase "$*" in *virtserialport*) exec ${qemu} "$@" ${device};; esac\nexec ${qemu} "$@"\n`,
  );
  chmodSync(script, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${join(directory, 'qemu/bin')}:${path}`;
  try {
    return await create();
  } finally {
    process.env['PATH'] = path;
  }
}
