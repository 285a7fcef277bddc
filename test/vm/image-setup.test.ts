import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VM } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { FakeRegistry } from '../fixtures/oci/fake-registry.ts';
import { makeImage } from '../fixtures/oci/made-image.ts';
import { rawTar } from '../fixtures/oci/raw-tar.ts';
import { testEnvironment } from '../test-environment.ts';

const busybox = readFileSync('/bin/busybox');
const APPLETS = ['sh', 'id', 'ls', 'stat', 'cat', 'mkdir', 'chmod', 'chown', 'ln', 'rm'];
const MORE_APPLETS = ['mknod', 'mkfifo', 'readlink', 'find', 'sort'];

/** A small image whose processes belong to a user. The marker makes it one that no other run has set up. */
function baseImage(marker: string) {
  const links = [...APPLETS, ...MORE_APPLETS].map((name) => ({
    ...{ name: `bin/${name}`, type: '2', link: 'busybox' },
  }));
  return makeImage({
    layers: [
      rawTar(
        { name: 'bin/', type: '5', mode: 0o755 },
        { name: 'bin/busybox', mode: 0o755, content: busybox },
        ...links,
        { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\napp:x:7:8::/srv:/bin/sh\n' },
        { name: 'etc/resolv.conf', type: '2', link: '../run/none' },
        { name: 'srv/removed', content: marker },
        { name: 'srv/kept', mode: 0o640, uid: 7, gid: 8, content: 'kept', mtime: 1_000_000 },
      ),
    ],
    config: { Env: ['PATH=/bin', 'OF_IMAGE=yes'], User: 'app', WorkingDir: '/srv' },
  });
}

async function pushed(marker = String(Math.random())): Promise<string> {
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  return registry.push(baseImage(marker), '1');
}

it('setup: changes the image once, as root, without a network, and everything of the root is kept', async () => {
  const source = await pushed();
  const cwd = directoryWith(`
name: set-up
images:
  tools:
    oci: "${source}"
    setup:
      - |
        echo "as $(id -u) in $PWD, $OF_IMAGE"
        rm /srv/removed
        mkdir /opt && chmod 2750 /opt && echo made > /opt/made && chmod 4711 /opt/made && chown 7:8 /opt
        ln /opt/made /opt/second; ln -s made /opt/link; mkfifo /opt/pipe; mknod /opt/null c 1 3
        echo local > /etc/issue
image: tools
steps:
  - { name: facts, run: 'id -u; stat -c "%n %a %u:%g %h" /opt /opt/made /opt/second /srv/kept; stat -c "%F %t,%T" /opt/null /opt/pipe; stat -c %Y /srv/kept /opt/made; readlink /opt/link; cat /etc/issue; ls /srv' }
`);
  const first = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(first.code, first.all).toBe(0);
  const facts = first.stdout
    .split('\n')
    .flatMap((line) => /^\[\S+ facts\] (.*)/.exec(line)?.[1] ?? []);
  expect(facts).toEqual([
    '7',
    ...['/opt 2750 7:8 2', '/opt/made 4711 0:0 2', '/opt/second 4711 0:0 2', '/srv/kept 640 7:8 1'],
    ...['character special file 1,3', 'fifo 0,0'],
    ...['1000000', '1735689600', 'made', 'local', 'kept'],
  ]);
  expect(first.all).toMatch(/as 0 in \/, yes/);

  const again = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(again.code, again.all).toBe(0);
  expect(again.all).not.toContain('setup 1 of 1');
});

it('setup: that fails ends the run with its output and exit code, and leaves nothing in the cache', async () => {
  const source = await pushed();
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
  const source = await pushed();
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
    ...['/etc', '/etc/hosts', '/etc/once', '/etc/passwd', '/etc/resolv.conf'],
  ]);
  expect(names).not.toContain('/usr/local/share');
});
