import { expect, it } from 'vitest';
import { openPackageProject } from '../fixtures/alpine/package-project.ts';

it('gondolin lock prints what changed by package', async () => {
  const { run, write, publish, set } = await openPackageProject();
  await run('lock');
  expect((await run('lock')).stdout).toBe('gondolin.lock: 8 packages, nothing changed\n');
  publish({ name: 'hello', version: '2-r0' }, { name: 'tool', version: '3-r0' });
  expect((await run('lock')).stdout).toContain(`  ~ ${set}\n    ~ hello 1-r0 -> 2-r0\n`);
  write('[hello, tool]');
  const { stdout } = await run('lock', '--format', 'json');
  expect(JSON.parse(stdout).packageChanges).toEqual([
    {
      ...{ set: `${set}, tool`, was: set },
      packages: [{ name: 'tool', before: null, after: expect.stringMatching(/^3-r0 Q1/) }],
    },
  ]);
  // Each lock reads the lists of Debian.
}, 120_000);
