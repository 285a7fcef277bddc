import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type AcceleratorOptions, chooseAccelerator } from '../../../src/host/accelerator.ts';
import { type ProbeResult, probeKvm, runProbe } from '../../../src/host/accelerator-probe.ts';
import { identifyProcess } from '../../../src/host/process-life.ts';
import { requireTool } from '../../../src/host/tools.ts';
import { fakeProgram } from '../../fixtures/fake-program.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** Options with a probe that counts, and a file in place of the device. */
function options(results: ProbeResult[], changes: Partial<AcceleratorOptions> = {}) {
  const directory = temporaryDirectory();
  const devicePath = join(directory, 'kvm');
  writeFileSync(devicePath, '');
  const probe = () =>
    Promise.resolve(results.shift() ?? { works: false, reason: 'asked too often' });
  const qemu = { name: 'qemu', path: '/q', stamp: '1' };
  return { qemu, cacheDirectory: join(directory, 'cache'), env: {}, probe, devicePath, ...changes };
}

const WORKS = { works: true, reason: 'a vCPU ran' };

it('runProbe() runs the firmware on a real vCPU', async () => {
  const qemu = requireTool('qemu-system-x86_64');
  expect(await runProbe(qemu, temporaryDirectory(), 'tcg')).toEqual(WORKS);
});

it('chooseAccelerator() answers for this machine, and from the cache when asked again', async () => {
  const qemu = requireTool('qemu-system-x86_64');
  const cacheDirectory = temporaryDirectory();
  const started = performance.now();
  const first = await chooseAccelerator({ qemu, cacheDirectory, env: {} });
  expect(performance.now() - started).toBeLessThan(10_000);
  const second = await chooseAccelerator({ qemu, cacheDirectory, env: {} });
  expect(second).toEqual({ ...first, source: first.source === 'probe' ? 'cache' : first.source });
});

it('probeKvm() gives up within 2 s on a QEMU that hangs and ignores SIGTERM', async () => {
  const directory = temporaryDirectory();
  // It refuses to be confined, so that it may write its pid.
  const script = `[ "$1" = --version ] && exit 1; trap '' TERM; echo $$ > ${directory}/pid; exec sleep 1000`;
  const qemu = fakeProgram(directory, 'qemu', script);
  const started = performance.now();
  const result = await probeKvm(qemu, directory);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(result.works).toBe(false);
  expect(result.reason).toContain('no guest instruction ran within 1 s');
  expect(identifyProcess(Number(readFileSync(join(directory, 'pid'), 'utf8')))).toBeNull();
});

it.each([
  {
    name: 'QEMU says why',
    script:
      'echo "qemu-system-x86_64: Could not access KVM kernel module: Permission denied" >&2; exit 1',
    want: 'QEMU on KVM: Could not access KVM kernel module: Permission denied',
  },
  { name: 'QEMU ends in silence', script: 'exit 0', want: 'QEMU ended with 0' },
  { name: 'QEMU crashes', script: 'kill -ABRT $$', want: 'QEMU ended with null' },
  { name: 'QEMU floods its errors', script: 'yes x | head -c 9999999 >&2', want: 'QEMU on KVM: x' },
])('probeKvm() reports that KVM does not work when $name', async ({ script, want }) => {
  const directory = temporaryDirectory();
  const qemu = fakeProgram(directory, 'qemu', script);
  expect(await probeKvm(qemu, directory)).toEqual({ works: false, reason: want });
});

it.each(['tcg', 'kvm'] as const)(
  'chooseAccelerator() takes GONDOLIN_ACCEL=%s without a probe',
  async (value) => {
    const given = options([], { env: { GONDOLIN_ACCEL: value } });
    expect(await chooseAccelerator(given)).toEqual({
      accelerator: value,
      reason: `GONDOLIN_ACCEL=${value}`,
      source: 'override',
    });
  },
);

it('chooseAccelerator() refuses another GONDOLIN_ACCEL and treats an empty one as unset', async () => {
  await expect(
    chooseAccelerator(options([], { env: { GONDOLIN_ACCEL: 'hvf' } })),
  ).rejects.toMatchObject({ code: 'HOST_ACCEL_INVALID', exit: 2 });
  const given = options([WORKS], { env: { GONDOLIN_ACCEL: '' } });
  expect(await chooseAccelerator(given)).toMatchObject({ accelerator: 'kvm', source: 'probe' });
});

it('chooseAccelerator() starts nothing when there is no device', async () => {
  const given = options([], { devicePath: '/no/such/kvm' });
  expect(await chooseAccelerator(given)).toMatchObject({ accelerator: 'tcg', source: 'device' });
});

it('chooseAccelerator() remembers a verdict, good or bad', async () => {
  for (const result of [WORKS, { works: false, reason: 'hung' }]) {
    const given = options([result]);
    const first = await chooseAccelerator(given);
    expect(first).toMatchObject({ source: 'probe', reason: result.reason });
    expect(await chooseAccelerator(given)).toEqual({ ...first, source: 'cache' });
    expect(readdirSync(given.cacheDirectory)).toEqual(['accelerator.json']);
  }
});

it('chooseAccelerator() probes again for another QEMU, another device, or when told so', async () => {
  const bad = { works: false, reason: 'bad' };
  const given = options([bad, WORKS, bad, WORKS]);
  const ask = async (changes: Partial<AcceleratorOptions> = {}) =>
    (await chooseAccelerator({ ...given, ...changes })).accelerator;
  expect(await ask()).toBe('tcg');
  expect(await ask({ qemu: { ...given.qemu, stamp: '2' } })).toBe('kvm');
  expect(await ask({ devicePath: given.cacheDirectory })).toBe('tcg');
  expect(await ask({ useCache: false })).toBe('kvm');
  expect(await ask()).toBe('kvm');
});

it('chooseAccelerator() probes again when the remembered verdict is damaged', async () => {
  const given = options([WORKS, WORKS]);
  await chooseAccelerator(given);
  writeFileSync(join(given.cacheDirectory, 'accelerator.json'), '{"key":');
  expect(await chooseAccelerator(given)).toMatchObject({ source: 'probe' });
});
