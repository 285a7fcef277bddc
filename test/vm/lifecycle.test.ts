import { existsSync } from 'node:fs';
import { VM } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';

it('VM.create() refuses bad options before anything starts', async () => {
  for (const options of [
    { cpus: 0 },
    { memory: '1 potato' },
    { memory: 1024 },
    { cwd: 'x' },
    { hostname: '-' },
  ]) {
    await expect(VM.create(options)).rejects.toMatchObject({ code: 'VM_BAD_OPTION' });
  }
});

it('VM.create() names a missing image directory', async () => {
  await expect(VM.create({ sandbox: { imagePath: '/no/such/assets' } })).rejects.toMatchObject({
    code: 'IMAGE_NOT_FOUND',
    message: 'Guest image not found at: /no/such/assets',
  });
});

it('a VM is read-only but for mounts, /tmp and /run by default, ends once, and refuses commands then', async () => {
  const vm = await VM.create({
    vfs: {
      memory: { '/scratch': { sizeBytes: 8 * 2 ** 20 }, '/tmp/below': { sizeBytes: 2 ** 20 } },
    },
  });
  onTestFinished(() => vm.close());
  const probe = await vm.exec(
    'touch /etc/x; touch /tmp/x && touch /run/x && touch /scratch/x && mountpoint -q /tmp/below && echo fine',
  );
  expect(probe.stdout).toBe('fine\n');
  expect(probe.stderr).toContain('Read-only file system');
  const full = await vm.exec('head -c 16000000 /dev/zero > /scratch/big');
  expect(full.stderr).toContain('No space left on device');

  const pid = vm.qemuPid;
  const running = vm.exec('sleep 1000');
  const outcome = expect(running).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
  await Promise.all([vm.close(), vm.close()]);
  await outcome;
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(await vm.ended).toBeUndefined();
  await expect(vm.exec('true')).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
});

it('VM.create() is cancelled by its signal and leaves no process', async () => {
  const controller = new AbortController();
  const creating = VM.create({ signal: controller.signal, onProgress: () => controller.abort() });
  await expect(creating).rejects.toMatchObject({ code: 'VM_START_ABORTED' });
});

it('a VM whose QEMU dies reports it to every command and in `ended`', async () => {
  const vm = await VM.create();
  onTestFinished(() => vm.close());
  const running = vm.exec('sleep 1000');
  const outcome = expect(running).rejects.toMatchObject({ code: 'MACHINE_EXITED' });
  process.kill(vm.qemuPid, 'SIGKILL');
  await outcome;
  expect(await vm.ended).toMatchObject({ code: 'MACHINE_EXITED' });
});

it('VM.create() gives up on a guest that is not ready in time and leaves no QEMU', async () => {
  await expect(VM.create({ startTimeoutMs: 50 })).rejects.toMatchObject({
    code: 'VM_BOOT_TIMEOUT',
  });
});
