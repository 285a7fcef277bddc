import { expect, it, onTestFinished } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { FakeRegistry } from '../../fixtures/oci/fake-registry.ts';

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
