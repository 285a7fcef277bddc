import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImage } from '../../src/image/ensure-image.ts';
import type { GuestImage } from '../../src/image/guest-image.ts';
import { hostRelease } from '../fixtures/workload-image.ts';

const release = hostRelease();
const recipe = { kind: 'debian', arch: 'x86_64', release, packages: [], mirror: null } as const;
let image: GuestImage;

beforeAll(async () => {
  // Built before the first VM test, unless the tests' cache had it.
  image = await ensureImage(recipe, {
    cacheDirectory: resolveDirectories().cache,
    agentPath: guestAgentPath(),
  });
});

afterAll(() => image.release());

it('ensureImage() makes a kernel that QEMU loads, its modules, and a squashfs', () => {
  const vmlinux = readFileSync(image.vmlinuxPath);
  expect(vmlinux.toString('latin1', 0, 4)).toBe('\x7fELF');
  // The PVH entry is an ELF note of the owner "Xen".
  expect(execFileSync('readelf', ['--notes', image.vmlinuxPath], { encoding: 'utf8' })).toContain(
    'Xen',
  );
  expect(image.kernelRelease).toMatch(/^\d+\.\d+\.\d+.*-cloud-amd64$/);
  expect(readFileSync(image.rootfsPath).toString('latin1', 0, 4)).toBe('hsqs');
  const initramfs = readFileSync(image.initramfsPath, 'latin1');
  expect(initramfs).toContain('virtio_blk.ko\n');
});

it('ensureImage() makes a root file system with root as owner and nothing of the host in it', () => {
  const list = execFileSync('unsquashfs', ['-lln', image.rootfsPath], { encoding: 'utf8' });
  expect(list.split('\n')[0]).toMatch(/^drwxr-xr-x 0\/0 .* squashfs-root$/);
  expect(list).toMatch(/^-rwsr-xr-x 0\/0 .*usr\/bin\/su$/m);
  expect(list).toMatch(/^drwxrwxrwt 0\/0 .*squashfs-root\/tmp$/m);
  expect(list).not.toContain('policy-rc.d');
  expect(list).not.toContain('start-stop-daemon.REAL');
  expect(list).not.toMatch(/var\/lib\/apt\/lists\/.*_/);
  expect(list).not.toMatch(/^-.*usr\/share\/(?:man|locale\/[a-z]{2})\//m);
  const read = (name: string): string =>
    execFileSync('unsquashfs', ['-cat', image.rootfsPath, name], { encoding: 'utf8' });
  expect(read('etc/hostname')).toBe('gondolin\n');
  expect(read('etc/resolv.conf')).toBe('');
  expect(read('etc/machine-id')).toBe('');
  expect(read('etc/hosts')).toContain('127.0.0.1 localhost');
  expect(read('etc/apt/sources.list')).toContain(` ${release} main\n`);
  expect(read('etc/apt/sources.list')).not.toContain('[');
});

it('ensureImage() makes a root file system of which every file can be read', () => {
  const base = mkdtempSync(join(tmpdir(), 'gondolin-tree-'));
  const args = ['-quiet', '-no-progress', '-dest', join(base, 'tree'), image.rootfsPath];
  try {
    execFileSync('unsquashfs', args);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
});
