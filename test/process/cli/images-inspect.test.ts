import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { FakeRegistry } from '../../fixtures/oci/fake-registry.ts';
import { makeImage } from '../../fixtures/oci/made-image.ts';
import { rawTar } from '../../fixtures/oci/raw-tar.ts';

const image = makeImage({
  layers: [rawTar({ name: 'file' })],
  config: {
    Env: ['A=1\u001b[2J'],
    Entrypoint: ['/bin/app', '--all'],
    ExposedPorts: { '8080/tcp': {} },
    User: 'me',
  },
});

function writeLayout(cwd: string): void {
  const blobs = join(cwd, 'out/blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  for (const [digest, bytes] of image.blobs) writeFileSync(join(blobs, digest.slice(7)), bytes);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const entry = { mediaType, digest: image.digest, size: image.blobs.get(image.digest)?.length };
  const index = JSON.stringify({ schemaVersion: 2, manifests: [entry] });
  writeFileSync(join(cwd, 'out/index.json'), index);
}

it('gondolin images inspect prints what an image says, without control characters', async () => {
  const cwd = directoryWith();
  writeLayout(cwd);
  const { code, stdout, stderr } = await runCli(['images', 'inspect', 'oci-layout:out'], { cwd });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).not.toContain('\u001b');
  expect(stdout.split('\n').slice(0, 6)).toEqual([
    `oci-layout:${join(cwd, 'out')}`,
    `  digest      ${image.digest}`,
    '  processor   x86_64',
    '  user        me',
    '  entrypoint  ["/bin/app","--all"]',
    expect.stringMatching(/^ {2}variable {4}A=1/),
  ]);
  const args = ['images', 'inspect', 'oci-layout:out', '--format', 'json'];
  const [described] = JSON.parse((await runCli(args, { cwd })).stdout);
  expect(described.container.exposedPorts).toEqual(['8080/tcp']);
});

it('gondolin images inspect asks no registry', async () => {
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  const reference = registry.push(image, '1');
  const cwd = directoryWith();
  const { code, stderr } = await runCli(['images', 'inspect', reference], { cwd });
  expect([code, stderr]).toEqual([2, expect.stringContaining('IMAGE_NOT_PULLED')]);
  expect(registry.requests).toEqual([]);
  expect((await runCli(['images', 'remove', 'x'], { cwd })).stderr).toContain('CLI_USAGE');
});
