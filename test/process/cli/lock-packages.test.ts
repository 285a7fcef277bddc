import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { AlpineMirror, writeKeys } from '../../fixtures/alpine/alpine-mirror.ts';
import { buildPackage, makeKey, type PackageSpec } from '../../fixtures/alpine/apk-package.ts';
import { baseSystem } from '../../fixtures/alpine/base-system.ts';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';

const key = makeKey('tester@example.com-1.rsa.pub');
let mirror: AlpineMirror;
let cwd: string;
beforeEach(async () => {
  mirror = await AlpineMirror.start();
  onTestFinished(() => mirror.close());
  cwd = directoryWith();
  writeProject('[hello]');
  publish({ name: 'hello', version: '1-r0' }, { name: 'tool', version: '3-r0' });
});

function writeProject(packages: string): void {
  writeFileSync(
    join(cwd, 'gondolin.yaml'),
    `images: { i: { alpine: { version: "3.23", packages: ${packages} } } }\nsandboxes: { a: { image: i, steps: [x] } }\n`,
  );
}

function publish(...specs: readonly PackageSpec[]): void {
  const packages = [...baseSystem(), ...specs].map((spec) => buildPackage(spec, key));
  mirror.publish('main', packages, key);
  mirror.publish('community', [], key);
}

function run(...args: string[]) {
  const env = {
    GONDOLIN_ALPINE_KEYS: writeKeys(cwd, key),
    GONDOLIN_ALPINE_MIRROR: mirror.url,
  };
  return runCli(args, { cwd, env });
}

const lockFile = () => readFileSync(join(cwd, 'gondolin.lock'), 'utf8');
const SET = 'alpine 3.23 x86_64 + hello';

it('gondolin lock writes a line for each package, and prints what changed by package', async () => {
  const first = await run('lock');
  // Its kernel is Debian's, of this host's release.
  const sets = [
    `  + ${SET}: 7 packages`,
    expect.stringMatching(/^ {2}\+ linux of debian \w+ amd64: 1 package$/),
  ];
  expect(first.stdout.split('\n'), first.stderr).toEqual([
    'gondolin.lock: 8 packages, changed:',
    ...sets,
    '',
  ]);
  expect(lockFile()).toMatch(/\n {6}"hello": "1-r0 Q1[A-Za-z0-9+/]{27}=",?\n/);
  expect((await run('lock')).stdout).toBe('gondolin.lock: 8 packages, nothing changed\n');
  publish({ name: 'hello', version: '2-r0' }, { name: 'tool', version: '3-r0' });
  expect((await run('lock')).stdout).toContain(`  ~ ${SET}\n    ~ hello 1-r0 -> 2-r0\n`);
  writeProject('[hello, tool]');
  const { stdout } = await run('lock', '--format', 'json');
  expect(JSON.parse(stdout).packageChanges).toEqual([
    {
      ...{ set: `${SET}, tool`, was: SET },
      packages: [{ name: 'tool', before: null, after: expect.stringMatching(/^3-r0 Q1/) }],
    },
  ]);
  // Each lock reads the lists of Debian.
}, 120_000);

it('the plan has the packages of the lock, and --locked refuses an image that is not in it', async () => {
  const none = await run('run', '--locked');
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('IMAGE_LOCK_OUTDATED')]);
  await run('lock');
  const plan = await run('plan', '--locked', '--format', 'json');
  const [sandbox] = JSON.parse(plan.stdout).sandboxes;
  expect(sandbox.image.recipe.locked).toEqual(JSON.parse(lockFile()).packages[SET]);
  writeProject('[hello, tool]');
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
])('a lock with %s is an error that names it', async (_what, set) => {
  const text = JSON.stringify({ version: 1, images: {}, packages: { [SET]: set } });
  writeFileSync(join(cwd, 'gondolin.lock'), text);
  const { code, stderr } = await run('plan');
  expect([code, stderr]).toEqual([2, expect.stringContaining('IMAGE_LOCK_INVALID')]);
});
