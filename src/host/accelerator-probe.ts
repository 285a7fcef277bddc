import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { writeFileAtomic } from './atomic-write.ts';
import { type Command, confine } from './confine.ts';
import { chooseConfinement } from './confinement.ts';
import { NAMES } from './directories.ts';
import { FIRMWARE_EXIT_CODE, FIRMWARE_EXIT_PORT, probeFirmware } from './probe-firmware.ts';
import type { Tool } from './tools.ts';

/** The outcome of a probe: true if a vCPU ran, with one line for people that says what was seen. */
export interface ProbeResult {
  readonly works: boolean;
  readonly reason: string;
}

export const KVM_DEVICE = '/dev/kvm';

const PROBE_LIMIT_MS = 1_000;
/** Limit after SIGKILL for a process that hangs in the kernel; past it the process is abandoned. */
const KILL_LIMIT_MS = 500;
const MAX_STDERR_BYTES = 4 * 1024;

/**
 * Runs the firmware on one KVM vCPU, at most 1 s (1.5 s when QEMU cannot be killed).
 * A KVM that does not work is a result, never an error.
 */
export function probeKvm(qemu: Tool, cacheDirectory: string): Promise<ProbeResult> {
  return runProbe(qemu, cacheDirectory, 'kvm');
}

/** `probeKvm` with the accelerator named; `tcg` proves the firmware itself in tests. */
export async function runProbe(
  qemu: Tool,
  cacheDirectory: string,
  accelerator: 'kvm' | 'tcg',
): Promise<ProbeResult> {
  const firmwarePath = join(cacheDirectory, NAMES.acceleratorProbe);
  await writeFileAtomic(firmwarePath, probeFirmware());
  const confinement = await chooseConfinement({ qemu, cacheDirectory });
  const args = probeArguments(accelerator, firmwarePath);
  const files = { read: [firmwarePath], devices: accelerator === 'kvm' ? [KVM_DEVICE] : [] };
  const end = await runQemu(confine({ file: qemu.path, args }, confinement, files));
  if (end.kind === 'hung') {
    return {
      works: false,
      reason: `/dev/kvm opens, but no guest instruction ran within ${PROBE_LIMIT_MS / 1000} s`,
    };
  }
  if (end.exitCode === FIRMWARE_EXIT_CODE) return { works: true, reason: 'a vCPU ran' };
  const said = (end.stderr.split('\n', 1)[0] ?? '').replace(/^qemu-system-\w+: /, '').trim();
  return {
    works: false,
    reason: said === '' ? `QEMU ended with ${end.exitCode}` : `QEMU on KVM: ${said}`,
  };
}

function probeArguments(accelerator: 'kvm' | 'tcg', firmwarePath: string): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    // The processor model of real machines: some KVMs accept only simpler ones.
    ...['-machine', 'q35', '-accel', accelerator, '-cpu', accelerator === 'kvm' ? 'host' : 'max'],
    ...['-device', `isa-debug-exit,iobase=${FIRMWARE_EXIT_PORT},iosize=1`],
    ...['-m', '16M', '-bios', firmwarePath],
  ];
}

type ProbeEnd =
  | { readonly kind: 'hung' }
  | { readonly kind: 'ended'; readonly exitCode: number | null; readonly stderr: string };

function runQemu(command: Command): Promise<ProbeEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {},
    });
    let stderr = '';
    let hasTimedOut = false;
    let killTimer: NodeJS.Timeout | undefined;
    const limitTimer = setTimeout(() => {
      hasTimedOut = true;
      child.kill('SIGKILL');
      killTimer = setTimeout(() => {
        child.unref();
        child.stderr.destroy();
        resolve({ kind: 'hung' });
      }, KILL_LIMIT_MS);
    }, PROBE_LIMIT_MS);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, MAX_STDERR_BYTES);
    });
    child.once('error', reject);
    child.once('close', (exitCode) => {
      clearTimeout(limitTimer);
      clearTimeout(killTimer);
      resolve(hasTimedOut ? { kind: 'hung' } : { kind: 'ended', exitCode, stderr });
    });
  });
}
