import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { hasProgram, installHostPackages } from '../../scripts/host-packages.mjs';
// @ts-expect-error: a script without types
import { run } from '../../scripts/run.mjs';
import { hostDebianRelease, proxyEnvironment } from '../../src/host/image-environment.ts';
import { openAptSession } from '../../src/image/debian/apt-session.ts';
import { readHostPackageFacts } from '../../src/image/debian/host-packages.ts';
import { planSources } from '../../src/image/debian/plan-sources.ts';
import { VM } from '../../src/index.ts';
import { RealFSProvider } from '../../src/vfs/real-fs-provider.ts';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { makeImage } from '../fixtures/oci/made-image.ts';
import { rawTar } from '../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

const release = hostDebianRelease();

beforeAll(async () => {
  if (!hasProgram('qemu-system-aarch64')) await installHostPackages(['qemu-system-arm']);
  run('make', ['-s', '-C', 'guest', 'aarch64']);
});

/** Debian's static busybox for arm64. */
async function fetchBusybox(cwd: string): Promise<Buffer> {
  const apt = await openAptSession({
    ...{ cwd, arch: 'aarch64', logPath: join(cwd, 'log') },
    sources: planSources({ release, mirror: null }, await readHostPackageFacts()),
    ...{ environment: proxyEnvironment(), signal: new AbortController().signal },
  });
  await apt.update();
  await apt.download(['busybox-static'], cwd);
  const archive = readdirSync(cwd).find((name) => name.endsWith('.deb')) ?? '';
  execFileSync('dpkg-deb', ['--extract', join(cwd, archive), join(cwd, 'tree')]);
  return readFileSync(join(cwd, 'tree/bin/busybox'));
}

/** An OCI layout with it. */
async function writeLayout(path: string): Promise<void> {
  const busybox = await fetchBusybox(temporaryDirectory());
  const directories = ['bin/', 'etc/', 'root/', 'tmp/', 'usr/', 'var/'];
  const layer = rawTar(
    ...directories.map((name) => ({ name, type: '5', mode: 0o755 })),
    { name: 'bin/busybox', mode: 0o755, content: busybox },
    ...['sh', 'uname', 'cat'].map((name) => ({ name: `bin/${name}`, type: '2', link: 'busybox' })),
  );
  const image = makeImage({
    layers: [layer],
    architecture: 'arm64',
    config: { Env: ['PATH=/bin'] },
  });
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true });
  for (const [digest, bytes] of image.blobs) {
    writeFileSync(join(path, 'blobs/sha256', digest.slice('sha256:'.length)), bytes);
  }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const entry = { mediaType, digest: image.digest, size: image.blobs.get(image.digest)?.length };
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}

it('an arm64 guest runs commands, has a volume, and starts from a template; gondolin.yaml starts one too', async () => {
  const layout = join(temporaryDirectory(), 'layout');
  await writeLayout(layout);
  const shared = temporaryDirectory();
  writeFileSync(join(shared, 'in'), 'from the host');
  const start = () =>
    VM.create({
      image: {
        ...{ kind: 'oci', source: `oci-layout:${layout}`, arch: 'aarch64' },
        ...{ release, pull: 'missing', digest: null },
      },
      memory: '128M',
      cpus: 2,
      vfs: { mounts: { '/work': new RealFSProvider(shared) } },
    });
  const script = 'uname -m; cat /work/in; echo "$0" > /work/out';
  for (const name of ['cold', 'warm']) {
    const startedAt = Date.now();
    const vm = await start();
    const startMs = Date.now() - startedAt;
    try {
      const { stdout, exitCode } = await vm.exec(['sh', '-c', script, name]);
      expect([exitCode, stdout]).toEqual([0, 'aarch64\nfrom the host']);
      expect(readFileSync(join(shared, 'out'), 'utf8')).toBe(`${name}\n`);
      // A boot has the time since its kernel began; a restore has none of it.
      const { stdout: uptime } = await vm.exec(['cat', '/proc/uptime']);
      if (name === 'warm') expect(Number(uptime.split(' ')[0]) * 1000).toBeGreaterThan(startMs);
    } finally {
      await vm.close();
    }
  }

  const cwd = directoryWith(
    `images: { arm: { oci: "oci-layout:${layout}", arch: aarch64 } }\nimage: arm\nsteps: [uname -m]\n`,
  );
  const { code, all, stdout } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(code, all).toBe(0);
  expect(stdout).toContain('aarch64');
});

it('a guest of another processor says what is missing for it', async () => {
  const text =
    'images: { a: { build: { distro: debian, arch: aarch64 } } }\nimage: a\nsteps: [id]\n';
  const { code, stderr } = await runBuiltCli(['run'], { cwd: directoryWith(text) });
  expect(code).toBe(2);
  expect(stderr).toContain('IMAGE_ARCH_UNSUPPORTED');
});
