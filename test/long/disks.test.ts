import { expect, it } from 'vitest';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';

it('the workspace of a project with `root: disk` is on the disk, and belongs to the user', async () => {
  const directory = directoryWith(`
resources: { memory: 256MiB, disk: 600MiB }
root: disk
user: "1000:1000"
steps:
  - run: stat -c %u . && pwd && head -c 300M /dev/zero > large && du -m large | cut -f1
`);
  const { code, stdout } = await runBuiltCli(['run', '--progress', 'plain'], { cwd: directory });
  expect(stdout).toMatch(/1000\n.*\/workspace\n.*30[01]/s);
  expect(code).toBe(0);
});
