import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { FakeRegistry } from '../../fixtures/oci/fake-registry.ts';
import { makeImage } from '../../fixtures/oci/made-image.ts';
import { rawTar } from '../../fixtures/oci/raw-tar.ts';

it('gondolin pull without an OCI image says so', async () => {
  const cwd = directoryWith('image: debian\nsteps: [ls]\n');
  expect(await runCli(['pull'], { cwd })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to pull'),
  });
});

it('gondolin pull ends with the error of the registry', async () => {
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  const cwd = directoryWith(`image: ${registry.host}/app:none\nsteps: [ls]\n`);
  const { code, stderr } = await runCli(['pull'], { cwd });
  expect(code).toBe(125);
  expect(stderr).toContain('IMAGE_REFERENCE_UNKNOWN');
});

it('gondolin pull makes the images of a Dockerfile ready, and builds nothing', async () => {
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  const image = makeImage({ layers: [rawTar({ name: 'etc/base', content: 'base' })] });
  const reference = registry.push(image, '1');
  const cwd = directoryWith('images: { i: { dockerfile: ./Dockerfile } }\nimage: i\nsteps: [ls]\n');
  writeFileSync(
    join(cwd, 'Dockerfile'),
    `FROM ${reference} AS a\nFROM a\nCOPY --from=${reference} / /b\n`,
  );
  const { code, stdout, all } = await runCli(['pull'], { cwd });
  expect(code, all).toBe(0);
  expect(stdout).toBe(`${reference}: ready, for ${join(cwd, 'Dockerfile')}\n`);
  expect(registry.requests.filter((line) => line.includes('/blobs/'))).toHaveLength(2);
  writeFileSync(join(cwd, 'Dockerfile'), `FROM ${registry.host}/none:1\n`);
  const failed = await runCli(['pull'], { cwd });
  expect(failed.code).toBe(125);
  expect(failed.stderr).toContain(`${join(cwd, 'Dockerfile')}:1: `);
});
