import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryProvider, VM, type VMOptions } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

async function start(options: VMOptions = {}): Promise<VM> {
  const vm = await VM.create({ ...options, sandbox: { rootOverlay: true } });
  onTestFinished(() => vm.close());
  return vm;
}

it('a saved VM is resumed, and VMs restored from it continue its processes as other machines', async () => {
  const directory = join(temporaryDirectory(), 'saved');
  mkdirSync(directory);
  const vm = await start();
  const moved = await vm.exec(
    'mv /usr/share/doc /usr/share/papers && mv /usr/share/papers/bash /opt/bash && rm /opt/bash/copyright; ls /opt/bash',
  );
  await vm.exec(
    'echo kept > /root/note; (i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.05; done) > /dev/null 2>&1 &',
  );
  const running = vm.exec('sleep 1; echo "still here"');
  const names = 'cat /proc/sys/kernel/random/boot_id /etc/machine-id';
  const ids = `${names}; head -c 16 /dev/urandom | md5sum`;
  const mine = await vm.exec(names);
  await vm.save(directory);
  expect((await running).stdout).toBe('still here\n');
  expect((await vm.exec(names)).stdout).toBe(mine.stdout);

  const copies = [await start({ from: directory }), await start({ from: directory })];
  const seen = new Set(mine.stdout.trim().split('\n'));
  for (const copy of copies) {
    expect((await copy.exec('cat /root/note')).stdout).toBe('kept\n');
    const papers = 'ls /opt/bash && ls -d /usr/share/papers/dpkg && ! ls -d /usr/share/doc';
    expect(await copy.exec(papers)).toMatchObject({
      exitCode: 0,
      stdout: `${moved.stdout}/usr/share/papers/dpkg\n`,
    });
    const before = await copy.exec('cat /tmp/count');
    const after = await copy.exec('sleep 0.5; cat /tmp/count');
    expect(Number(after.stdout)).toBeGreaterThan(Number(before.stdout));
    for (const line of (await copy.exec(ids)).stdout.trim().split('\n')) seen.add(line);
    const clock = Number((await copy.exec('date +%s%3N')).stdout);
    expect(Math.abs(clock - Date.now())).toBeLessThan(2_000);
  }
  expect(seen.size).toBe(8);
  // A copy can be saved like any other VM.
  const again = join(temporaryDirectory(), 'again');
  mkdirSync(again);
  await copies[0]?.exec('echo more >> /root/note');
  await copies[0]?.save(again);
  const grandchild = await start({ from: again });
  expect((await grandchild.exec('cat /root/note')).stdout).toBe('kept\nmore\n');
});

it('VM.create() refuses a directory without a saved VM, and one of another kind of machine', async () => {
  const directory = join(temporaryDirectory(), 'saved');
  mkdirSync(directory);
  await expect(VM.create({ from: directory })).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  const vm = await start();
  await vm.save(directory);
  await expect(VM.create({ from: directory, cpus: 2 })).rejects.toMatchObject({
    code: 'SNAPSHOT_REFUSED',
  });
  // As if it had been saved on a machine whose processor counts faster.
  const manifest = join(directory, 'manifest.json');
  const { counterKhz, ...facts } = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(manifest, JSON.stringify({ ...facts, counterKhz: Math.round(counterKhz * 1.02) }));
  await expect(start({ from: directory })).rejects.toMatchObject({
    code: 'SNAPSHOT_REFUSED',
    message: expect.stringMatching(
      /clock would be wrong here: its kernel measured a counter of [\d.]+ MHz, and this/,
    ),
  });
  await vm.close();
  await expect(vm.save(directory)).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
});

it('save() names a mount that it cannot save', async () => {
  const provider = new MemoryProvider();
  Object.defineProperty(provider, 'snapshot', { value: undefined });
  const vm = await start({ vfs: { mounts: { '/data': provider } } });
  const directory = join(temporaryDirectory(), 'saved');
  mkdirSync(directory);
  await expect(vm.save(directory)).rejects.toMatchObject({ code: 'SNAPSHOT_UNSUPPORTED' });
});
