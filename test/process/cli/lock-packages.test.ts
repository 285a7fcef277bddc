import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openPackageProject } from '../../fixtures/alpine/package-project.ts';

it('the plan has the packages of the lock, and --locked refuses an image that is not in it', async () => {
  const { run, write, lockText, set } = await openPackageProject();
  const none = await run('run', '--locked');
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('IMAGE_LOCK_OUTDATED')]);
  const first = await run('lock');
  // Its kernel is Debian's, of this host's release.
  expect(first.stdout.split('\n'), first.stderr).toEqual([
    'gondolin.lock: 8 packages, changed:',
    `  + ${set}: 7 packages`,
    expect.stringMatching(/^ {2}\+ linux of debian \w+ amd64: 1 package$/),
    '',
  ]);
  expect(lockText()).toMatch(/\n {6}"hello": "1-r0 Q1[A-Za-z0-9+/]{27}=",?\n/);
  const plan = await run('plan', '--locked', '--format', 'json');
  const [sandbox] = JSON.parse(plan.stdout).sandboxes;
  expect(sandbox.image.recipe.locked).toEqual(JSON.parse(lockText()).packages[set]);
  write('[hello, tool]');
  const { code, stderr } = await run('plan', '--locked');
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /IMAGE_LOCK_OUTDATED[\s\S]*packages of alpine 3\.23 x86_64 \+ hello, tool/,
  );
  const unlocked = await run('plan', '--format', 'json');
  expect(JSON.parse(unlocked.stdout).sandboxes[0].image.recipe).not.toHaveProperty('locked');
}, 120_000);

it.each([
  ['an option as a version', { '--x': '-y sha256:1' }],
  ['a path as a version', { git: `../1 sha256:${'0'.repeat(64)}` }],
])('a lock with %s is an error that names it', async (_what, packages) => {
  const { run, lockPath, set } = await openPackageProject();
  const text = JSON.stringify({ version: 1, images: {}, packages: { [set]: packages } });
  writeFileSync(lockPath, text);
  const { code, stderr } = await run('plan');
  expect([code, stderr]).toEqual([2, expect.stringContaining('IMAGE_LOCK_INVALID')]);
});
