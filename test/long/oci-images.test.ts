import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { startDebianRegistry } from '../fixtures/oci/debian-registry.ts';
import { type ImageName, pushImage } from '../fixtures/oci/ten-images.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

// Their makers keep owners, which takes root.
it.runIf(process.getuid?.() === 0)(
  "images of Debian's tools boot from Debian's docker-registry: distroless, glibc, zstd",
  async () => {
    const images = temporaryDirectory();
    const registry = await startDebianRegistry(images);
    onTestFinished(() => registry.close());
    const push = (name: ImageName) => pushImage(name, images, registry.host).reference;
    const cwd = directoryWith(`
name: oci-debian
sandboxes:
  static:
    image: "${push('static')}"
    volumes: ["./shared:/work"]
    steps: [{ name: hello, run: [/hello, guest, /work/written] }]
  glibc:
    image: "${push('glibc')}"
    steps: [{ name: files, run: "ls -d /usr/bin/cat; cat /proc/1/comm" }]
  zstd:
    image: "${push('zstd')}"
    steps: [{ name: numbers, run: [/bin/busybox, tail, -n1, /numbers] }]
`);
    mkdirSync(join(cwd, 'shared'));
    const { code, stdout, all } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
    expect(code, all).toBe(0);
    expect(stdout).toContain('[static hello] hello guest from 65532:65532');
    expect(readFileSync(join(cwd, 'shared/written'), 'utf8')).toBe('by 65532');
    expect(stdout).toContain('[glibc files] /usr/bin/cat');
    expect(stdout).toContain('[zstd numbers] 100000');
  },
);
