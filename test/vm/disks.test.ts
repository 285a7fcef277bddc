import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { VM, type VMOptions } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { findTool } from '../../src/host/tools.ts';
import { directoryWith, runBuiltCli, TSX } from '../fixtures/cli/run-cli.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

const USER = '1000:1000';

async function start(path: string, options: VMOptions = {}, size = '64MiB'): Promise<VM> {
  const vm = await VM.create({
    memory: '256MiB',
    user: USER,
    vfs: { disks: { '/data': { path, size } } },
    ...options,
  });
  onTestFinished(() => vm.close());
  return vm;
}

async function sh(vm: VM, script: string): Promise<string> {
  const { stdout, stderr } = await vm.exec(script);
  return (stdout + stderr).trim();
}

function e2fsck(...args: string[]): void {
  execFileSync(findTool('e2fsck')?.path ?? 'e2fsck', args, { stdio: 'pipe' });
}

it('a disk belongs to the user, has a limit, outlives the VM, and is not what a saved machine remembers', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'data.img');
  const saved = join(directory, 'saved');
  mkdirSync(saved);
  const first = await start(path);
  expect(await sh(first, 'stat -c "%u:%g %a" /data; ls -A /data; echo one > /data/a')).toBe(
    '1000:1000 755',
  );
  expect(await sh(first, 'head -c 100M /dev/zero > /data/big; rm /data/big')).toContain(
    'No space left on device',
  );
  await expect(
    VM.create({ vfs: { disks: { '/data': { path, size: '64MiB' } } } }),
  ).rejects.toMatchObject({ code: 'VM_DISK_IN_USE' });
  // In use: neither unmounted nor saved, and still there.
  const busy = first.exec('cd /data && exec sleep 1000');
  busy.catch(() => undefined);
  await expect
    .poll(() => sh(first, 'ls -l /proc/*/cwd 2>/dev/null | grep -c "/data$"'), { timeout: 20_000 })
    .toBe('1');
  await expect(first.save(saved)).rejects.toMatchObject({
    code: 'SNAPSHOT_UNSUPPORTED',
    details: { target: '/data' },
  });
  expect(await sh(first, 'cat /data/a; pkill sleep || kill $(pidof sleep)')).toBe('one');
  await busy;
  // A disk that is read into the page cache of a saved machine, and changed afterwards.
  const shell = first.exec(['sleep', '1000'], { cwd: '/' });
  shell.catch(() => undefined);
  await first.save(saved);
  expect(await sh(first, 'cat /data/a; echo two >> /data/a; echo new > /data/b')).toBe('one');
  await first.close();
  e2fsck('-fn', path);
  const restored = await start(path, { from: saved });
  expect(await sh(restored, 'cat /data/a /data/b; echo three >> /data/a')).toBe('one\ntwo\nnew');
  await restored.close();
  e2fsck('-fn', path);
  await expect(VM.create({ memory: '256MiB', from: saved })).rejects.toMatchObject({
    code: 'SNAPSHOT_REFUSED',
  });
  // Larger, read-only, as another user.
  const last = await VM.create({
    memory: '256MiB',
    vfs: { disks: { '/data': { path, size: '128MiB', isReadonly: true } } },
  });
  onTestFinished(() => last.close());
  expect(await sh(last, 'cat /data/a; stat -c %u /data; touch /data/x')).toMatch(
    /^one\ntwo\nthree\n1000\n.*Read-only file system$/,
  );
  expect(Number(await sh(last, 'df -m --output=size /data | tail -1'))).toBeGreaterThan(100);
});

it('after kill -9 in the middle of writes the journal makes the disk whole, and what was synced is there', async () => {
  const path = join(temporaryDirectory(), 'data.img');
  const writer = resolve(import.meta.dirname, '../fixtures/disk-writer.ts');
  const child = spawn(process.execPath, ['--import', TSX, writer, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let synced = 0;
  for await (const line of createInterface(child.stdout)) {
    synced = Number(line);
    if (synced >= 12) break;
  }
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  // The lock is QEMU's too: the disk is free once QEMU has ended.
  const tryStart = () =>
    start(path).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'VM_DISK_IN_USE' });
      return null;
    });
  let vm = await tryStart();
  const deadline = Date.now() + 20_000;
  while (vm === null && Date.now() < deadline) vm = await tryStart();
  if (vm === null) throw new Error('the disk stays locked');
  expect(Number(await sh(vm, 'cat /data/number'))).toBeGreaterThanOrEqual(synced);
  await vm.close();
  e2fsck('-fn', path);
});

it('volumes of a project are kept between runs, and a checkpoint does not outlive the volume that its step filled', async () => {
  const project = directoryWith(`
name: p${process.pid}
volumes: { cache: { size: 64MiB } }
sandboxes:
  box:
    resources: { memory: 256MiB }
    volumes: [ ".:/workspace", "cache:/root/cache", { type: copy, source: ., target: /srv/tree, gitignore: true } ]
    hide: [ .env ]
    steps:
      - { name: fill, run: 'echo filled >> /root/cache/a', checkpoint: true }
      - { name: show, run: 'cat /root/cache/a; echo more >> /root/cache/a; ls -A; test ! -e .env; ls -A /srv/tree | grep -c -e env -e ignored || stat -c %a-%U /srv/tree/run.sh' }
`);
  writeFileSync(join(project, '.env'), 'KEY=hidden-value\n');
  writeFileSync(join(project, '.gitignore'), 'ignored*\n');
  writeFileSync(join(project, 'ignored.txt'), 'x');
  writeFileSync(join(project, 'run.sh'), 'true', { mode: 0o755 });
  const gondolin = (...args: string[]) => runBuiltCli(args, { cwd: project });
  onTestFinished(() => gondolin('prune', '--volumes').then(() => undefined));
  const shown = async () => {
    const { code, stdout, stderr } = await gondolin('run', '--progress', 'plain');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('gondolin.yaml');
    expect(stdout).toContain('755-root');
    expect(stdout).not.toMatch(/hidden-value|^[^$]*\.env$/m);
    return stdout.match(/filled|more/g);
  };
  expect(await shown()).toEqual(['filled']);
  expect(await shown()).toEqual(['filled', 'more']);
  const list = JSON.parse((await gondolin('volumes', '--format', 'json')).stdout) as {
    project: string;
    path: string;
  }[];
  const own = list.find((one) => one.project === `p${process.pid}`);
  expect(statSync(own?.path ?? '').size).toBe(64 * 2 ** 20);
  expect((await gondolin('volumes', 'rm', `p${process.pid}/cache`)).code).toBe(0);
  expect(await shown()).toEqual(['filled']);
});

it.runIf(IS_FULL_LOAD)(
  'a root on a disk has a limit, is part of a saved machine, and leaves no file on the host',
  async () => {
    const saved = join(temporaryDirectory(), 'saved');
    mkdirSync(saved);
    const options: VMOptions = { sandbox: { rootOverlay: true, rootDisk: '64MiB' } };
    const root = async (more: VMOptions = {}) => {
      const vm = await VM.create({ ...options, ...more });
      onTestFinished(() => vm.close());
      return vm;
    };
    const vm = await root();
    expect(await sh(vm, 'head -c 100M /dev/zero > /var/big; rm /var/big')).toContain(
      'No space left on device',
    );
    await sh(vm, 'echo before > /root/note; head -c 5M /dev/urandom > /root/random');
    const digest = await sh(vm, 'md5sum < /root/random');
    await vm.save(saved);
    await sh(vm, 'echo after > /root/note; rm /root/random; head -c 20M /dev/zero > /root/other');
    const copy = await root({ from: saved });
    expect(await sh(copy, 'cat /root/note; ls /root; md5sum < /root/random')).toBe(
      `before\nnote\nrandom\n${digest}`,
    );
    expect(
      await sh(copy, 'mv /root /moved && echo 3 > /proc/sys/vm/drop_caches && ls /moved'),
    ).toBe('note\nrandom');
    expect(await sh(vm, 'cat /root/note; dmesg | grep -ci "ext4.*error"')).toBe('after\n0');
    const [state] = statSync(saved).isDirectory() ? [statSync(join(saved, 'root-disk'))] : [];
    expect(state?.size).toBe(64 * 2 ** 20);
    expect((state?.blocks ?? 0) * 512).toBeLessThan(16 * 2 ** 20);
  },
);
