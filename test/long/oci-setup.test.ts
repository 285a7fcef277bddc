import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VM } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { pushBusyboxImage } from '../fixtures/oci/busybox-image.ts';
import { testEnvironment } from '../test-environment.ts';

it('setup: that fails ends the run with its output and exit code, and leaves nothing in the cache', async () => {
  const source = await pushBusyboxImage();
  const cwd = directoryWith(`
images:
  broken: { oci: "${source}", setup: ["true", 'echo "out of luck" >&2; exit 7'] }
image: broken
steps: [ls]
`);
  const rootfs = join(testEnvironment['XDG_CACHE_HOME'] ?? '', 'gondolin/images/rootfs');
  const before = new Set(readdirSync(rootfs));
  const { code, all } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(code).toBe(125);
  expect(all).toContain('IMAGE_SETUP_FAILED');
  expect(all).toMatch(/setup 2 of 2: .*ended with exit code 7/);
  expect(all).toContain('out of luck');
  const added = readdirSync(rootfs).filter((name) => !before.has(name));
  // The image below was pulled.
  expect(added).toHaveLength(1);
  expect(added[0]).toMatch(/^[0-9a-f]{64}$/);
});

it('gondolin build copies, runs commands, and writes a directory that VMs boot', async () => {
  const source = await pushBusyboxImage();
  const cwd = directoryWith();
  mkdirSync(join(cwd, 'files'));
  writeFileSync(join(cwd, 'files/tool'), '#!/bin/sh\necho tool $1 $FROM_CONFIG $OF_IMAGE\n', {
    mode: 0o755,
  });
  const config = {
    oci: { image: source },
    ...{ rootfs: { label: 'tools' }, env: { FROM_CONFIG: 'yes' } },
    postBuild: {
      copy: [
        { src: './files', dest: '/usr/local/files' },
        { src: './files/tool', dest: '/usr/local/bin/tool' },
      ],
      commands: ['/usr/local/bin/tool once > /etc/once; find /usr/local | sort'],
    },
  };
  writeFileSync(join(cwd, 'build-config.json'), JSON.stringify(config));
  const args = ['build', '--config', 'build-config.json', '--output', 'assets'];
  const built = await runBuiltCli(args, { cwd });
  expect(built.code, built.all).toBe(0);
  expect(built.stdout).toContain('GONDOLIN_GUEST_DIR=./assets gondolin bash');
  expect(built.stderr).toContain('/usr/local/files/tool');
  const verified = await runBuiltCli(['build', '--verify', 'assets'], { cwd });
  expect(verified.stdout, verified.all).toContain(`tools: ${source} + setup`);

  const vm = await VM.create({ sandbox: { imagePath: join(cwd, 'assets') } });
  onTestFinished(() => vm.close());
  const { stdout } = await vm.exec(
    '/usr/local/bin/tool here; cat /etc/once; id -u; pwd; stat -c "%u %a" /usr/local/bin/tool',
  );
  expect(stdout.split('\n')).toEqual([
    ...['tool here yes yes', 'tool once yes', '7', '/srv', '0 755', ''],
  ]);

  // Of this machine nothing is left in it, above all not its certificate authority.
  const list = execFileSync('unsquashfs', ['-l', join(cwd, 'assets/rootfs.squashfs')], {
    encoding: 'utf8',
  });
  const names = list.split('\n').flatMap((line) => /^squashfs-root(\/\S+)/.exec(line)?.[1] ?? []);
  expect(names.filter((name) => !/^\/(?:bin|usr|dev|proc|run|sys|srv)/.test(name))).toEqual([
    ...['/caps', '/caps/cat', '/etc', '/etc/hosts', '/etc/once', '/etc/passwd', '/etc/resolv.conf'],
  ]);
  expect(names).not.toContain('/usr/local/share');
});
