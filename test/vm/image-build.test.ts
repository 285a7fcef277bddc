import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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

it('ensureImage() makes a root file system that dpkg finds whole, with every certificate that ca-certificates has', () => {
  const base = mkdtempSync(join(tmpdir(), 'gondolin-tree-'));
  const tree = join(base, 'tree');
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = (text: string) => text.split('\n').filter((line) => line !== '');
  try {
    run('unsquashfs', '-quiet', '-no-progress', '-dest', tree, image.rootfsPath);
    const database = join(tree, 'var/lib/dpkg');
    const states = lines(
      run('dpkg-query', `--admindir=${database}`, '-f', '${db:Status-Abbrev}\n', '-W'),
    );
    expect(states.length).toBeGreaterThan(50);
    expect(new Set(states)).toEqual(new Set(['ii ']));
    // What images leave out is missing, and nothing else is, or has other contents.
    const leftOut = /^missing +\/usr\/share\/(?:doc|info|lintian|locale|man)\//;
    // It ends with 1 when it finds something.
    const found = lines(run('sh', '-c', 'dpkg --root="$1" --verify || :', 'sh', tree));
    expect(found.filter((line) => !leftOut.test(line))).toEqual([]);
    const configured = readFileSync(join(tree, 'etc/ca-certificates.conf'), 'utf8');
    const trusted = lines(configured).filter((line) => !/^[#!]/.test(line));
    const certificates = join(tree, 'etc/ssl/certs');
    const bundle = readFileSync(join(certificates, 'ca-certificates.crt'), 'utf8');
    const names = readdirSync(certificates);
    expect(trusted.length).toBeGreaterThan(100);
    expect(bundle.match(/^-----BEGIN CERTIFICATE-----$/gm)).toHaveLength(trusted.length);
    expect(names.filter((name) => name.endsWith('.pem'))).toHaveLength(trusted.length);
    expect(names.filter((name) => /^[0-9a-f]{8}\.\d$/.test(name))).toHaveLength(trusted.length);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
});
