import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { decodeOrNull, literal, object, text } from '../util/json-decoder.ts';
import { type ProbeResult, probeKvm } from './accelerator-probe.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { type Environment, NAMES } from './directories.ts';
import { readTextOrNull } from './tool-versions.ts';
import { qemuName, type Tool } from './tools.ts';

/** The way guest instructions run: on the processor (`kvm`) or translated by QEMU (`tcg`, slower). */
export type Accelerator = 'kvm' | 'tcg';

export interface AcceleratorVerdict {
  readonly accelerator: Accelerator;
  /** One line for people, e.g. `/dev/kvm opens, but no guest instruction ran within 1 s`. */
  readonly reason: string;
  /** `override`: GONDOLIN_ACCEL. `device`: /dev/kvm is absent. `cache`: probed earlier in this boot. */
  readonly source: 'override' | 'device' | 'cache' | 'probe';
}

export interface AcceleratorOptions {
  readonly qemu: Tool;
  readonly cacheDirectory: string;
  readonly env?: Environment;
  /** False probes again (`gondolin doctor`) and replaces the remembered verdict. @default true */
  readonly useCache?: boolean;
  /** The probe and the device, for tests. */
  readonly probe?: typeof probeKvm;
  readonly devicePath?: string;
}

/**
 * Decides if machines run on KVM. A /dev/kvm that opens proves nothing (nested and filtered hosts), so a vCPU
 * is really run once per boot, QEMU file and state of the device; takes under 2 s then and 1 ms later.
 * @throws {GondolinError} HOST_ACCEL_INVALID when GONDOLIN_ACCEL is neither tcg nor kvm.
 */
export async function chooseAccelerator(options: AcceleratorOptions): Promise<AcceleratorVerdict> {
  const { qemu, cacheDirectory, env = process.env, useCache = true } = options;
  const { probe = probeKvm, devicePath = '/dev/kvm' } = options;
  const override = readOverride(env);
  if (isForeign(qemu)) {
    const reason = `${qemu.name} runs guests of another processor than this host's`;
    return { accelerator: 'tcg', reason, source: 'device' };
  }
  if (override !== null) return override;
  const device = deviceIdentity(devicePath);
  if (device === null) {
    return { accelerator: 'tcg', reason: `no ${devicePath} on this host`, source: 'device' };
  }
  const file = join(cacheDirectory, NAMES.acceleratorVerdict);
  const key = [await bootId(), qemu.path, qemu.stamp, device].join(' ');
  const known = useCache ? decodeOrNull(await readTextOrNull(file), storedVerdict) : null;
  if (known !== null && known.key === key) {
    return { accelerator: known.accelerator, reason: known.reason, source: 'cache' };
  }
  const result = await probe(qemu, cacheDirectory);
  const verdict = { accelerator: result.works ? 'kvm' : 'tcg', reason: result.reason } as const;
  await writeFileAtomic(file, `${JSON.stringify({ key, ...verdict }, null, 2)}\n`);
  return { ...verdict, source: 'probe' };
}

/** Hosts are x86-64 (doctor.ts): KVM runs no other guest there. */
function isForeign({ name }: Tool): boolean {
  return name === qemuName('aarch64');
}

export type { ProbeResult };

const storedVerdict = object<{ key: string; accelerator: Accelerator; reason: string }>({
  key: text(),
  accelerator: literal('kvm', 'tcg'),
  reason: text(),
});

function readOverride(env: Environment): AcceleratorVerdict | null {
  const value = env['GONDOLIN_ACCEL'];
  if (value === undefined || value === '') return null;
  if (value !== 'tcg' && value !== 'kvm') {
    throw new GondolinError('HOST_ACCEL_INVALID', `GONDOLIN_ACCEL is "${value}", not tcg or kvm`);
  }
  return { accelerator: value, reason: `GONDOLIN_ACCEL=${value}`, source: 'override' };
}

/** Returns a text that changes with the device and with this user's access to it; null without such a device. */
function deviceIdentity(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  const groups = process.getgroups?.().join(',') ?? '';
  const user = `${process.getuid?.() ?? -1}:${groups}`;
  return `${stat.rdev}/${stat.ino}/${stat.mode.toString(8)}/${stat.uid}:${stat.gid} as ${user}`;
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
}
