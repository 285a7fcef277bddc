import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Confinement, confine, LEAST_CONFINED } from '../../../src/host/confine.ts';
import { chooseConfinement } from '../../../src/host/confinement.ts';
import { NAMES } from '../../../src/host/directories.ts';
import { confineProgramPath } from '../../../src/host/package-root.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const OWN_ROOT: Confinement = { ...LEAST_CONFINED, hasOwnRoot: true };
const LANDLOCKED: Confinement = { ...LEAST_CONFINED, hasLandlock: true };
const QEMU = { name: 'qemu', path: '/q', stamp: '1' };

/** What was tried, in order; all that `works` denies fails. */
function attempts(works: (confinement: Confinement) => boolean) {
  const tried: Confinement[] = [];
  const attempt = (_: unknown, confinement: Confinement) => {
    tried.push(confinement);
    return Promise.resolve(works(confinement) ? null : 'not here');
  };
  return { tried, attempt };
}

it('chooseConfinement() takes the best that works and remembers it', async () => {
  const cacheDirectory = temporaryDirectory();
  const { tried, attempt } = attempts(() => true);
  const options = { qemu: QEMU, cacheDirectory, attempt };
  const first = await chooseConfinement(options);
  expect(first).toMatchObject({ hasOwnRoot: true });
  expect(first.ids === null).toBe(process.getuid?.() !== 0);
  expect(await chooseConfinement(options)).toEqual(first);
  expect(tried).toHaveLength(1);
  await chooseConfinement({ ...options, useCache: false });
  expect(tried).toHaveLength(2);
  await chooseConfinement({ ...options, qemu: { ...QEMU, stamp: '2' } });
  expect(tried).toHaveLength(3);
});

it.each([
  ['ids that no version uses', { ids: { group: 1, firstUser: 2, users: 3 } }],
  ['no ids where there were some or none', { ids: undefined }],
  ['a word in the place of a flag', { hasOwnRoot: 'yes' }],
])('chooseConfinement() finds out again instead of taking %s from its cache', async (_, change) => {
  const cacheDirectory = temporaryDirectory();
  const { tried, attempt } = attempts(() => true);
  const options = { qemu: QEMU, cacheDirectory, attempt };
  const first = await chooseConfinement(options);
  const file = join(cacheDirectory, NAMES.confinementVerdict);
  const stored = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...stored, ...change }));
  expect(await chooseConfinement(options)).toEqual(first);
  expect(tried).toHaveLength(2);
});

it('chooseConfinement() says what failed where nothing works', async () => {
  const { attempt } = attempts(() => false);
  const verdict = await chooseConfinement({
    qemu: QEMU,
    cacheDirectory: temporaryDirectory(),
    attempt,
  });
  expect(verdict).toEqual({ ...LEAST_CONFINED, problem: 'not here' });
});

it('chooseConfinement() never gives QEMU ids of its own without files of its own', async () => {
  const { tried, attempt } = attempts(({ ids }) => ids === null);
  const verdict = await chooseConfinement({
    qemu: QEMU,
    cacheDirectory: temporaryDirectory(),
    attempt,
  });
  expect(verdict).toMatchObject({ ids: null, hasOwnRoot: true });
  expect(tried.every(({ ids, hasOwnRoot }) => ids === null || hasOwnRoot)).toBe(true);
});

it('chooseConfinement() takes Landlock where no namespace is allowed, and says why', async () => {
  const { attempt } = attempts(({ hasOwnRoot }) => !hasOwnRoot);
  const cacheDirectory = temporaryDirectory();
  const verdict = await chooseConfinement({ qemu: QEMU, cacheDirectory, attempt });
  expect(verdict).toEqual({ ...LANDLOCKED, problem: 'not here' });
  expect(await chooseConfinement({ qemu: QEMU, cacheDirectory })).toEqual(verdict);
});

it.runIf(process.getuid?.() === 0)(
  'an ordinary user gets a program with files and network of its own too, under its own ids',
  () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    const program = join(directory, 'confine');
    copyFileSync(confineProgramPath(), program);
    chmodSync(program, 0o755);
    writeFileSync(join(directory, 'shown'), 'shown', { mode: 0o644 });
    writeFileSync(join(directory, 'hidden'), 'hidden', { mode: 0o644 });
    const script = `id -u; cat shown; ls; grep Cap /proc/self/status || echo no proc`;
    const command = confine(
      { file: '/bin/sh', args: ['-c', `cd ${directory}; ${script}`] },
      OWN_ROOT,
      { read: [join(directory, 'shown')] },
    );
    const { stdout, stderr } = spawnSync(program, command.args, {
      ...{ uid: 1000, gid: 1000, env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' },
    });
    expect(stderr).not.toContain('gondolin-confine');
    expect(stdout.split('\n')).toEqual(['1000', 'shownshown', 'no proc', '']);
  },
);

it('confine() starts a program only where the counter of the processor has the rate it is told', () => {
  const run = (counterKhz: number) => {
    const { file, args } = confine({ file: '/bin/true', args: [] }, LEAST_CONFINED, {}, counterKhz);
    return spawnSync(file, args, { env: {}, encoding: 'utf8' });
  };
  const refused = run(1);
  expect(refused.status).toBe(127);
  const [, mhz = ''] =
    /measured a counter of 0\.001 MHz.* runs at ([\d.]+) MHz/.exec(refused.stderr) ?? [];
  const khz = Math.round(Number(mhz) * 1_000);
  for (const near of [khz, Math.round(khz * 1.003), Math.round(khz * 0.997)]) {
    expect(run(near)).toMatchObject({ status: 0, stderr: '' });
  }
  for (const far of [khz * 1.01, khz * 0.99, khz * 90]) {
    expect(run(Math.min(Math.round(far), 2 ** 32 - 2)).status).toBe(127);
  }
});

/** What a shell could do under `LANDLOCKED`, a line each. */
function landlocked(directory: string, script: string, asUser: { uid?: number; gid?: number }) {
  const program = join(directory, 'confine');
  copyFileSync(confineProgramPath(), program);
  chmodSync(program, 0o755);
  const [read, data] = [join(directory, 'shown'), join(directory, 'data')];
  for (const name of ['shown', 'hidden', 'data']) {
    writeFileSync(join(directory, name), name);
    chmodSync(join(directory, name), 0o666);
  }
  chmodSync(directory, 0o755);
  const command = { file: '/bin/sh', args: ['-c', `cd ${directory}; ${script}`] };
  const { args } = confine(command, LANDLOCKED, { read: [read], data: [data] });
  return spawnSync(program, args, { ...asUser, env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' });
}

function canLandlock(): boolean {
  const life = ['--parent', String(process.pid), '--landlock', '--dir', '/'];
  return spawnSync(confineProgramPath(), [...life, '--', '/bin/true']).status === 0;
}

const isRoot = process.getuid?.() === 0;

it.runIf(canLandlock()).each([{}, ...(isRoot ? [{ uid: 1000, gid: 1000 }] : [])])(
  'without namespaces a program opens its files only, makes no socket and reaches no process: %j',
  (asUser) => {
    const script = `
      cat shown; echo
      cat hidden
      echo x > hidden
      echo x > shown
      true > new
      rm hidden
      echo more >> data; cat data
      ls .
      cat /proc/$PPID/environ
      perl -e 'for my $f (1, 2, 16) { print socket(my $s, $f, 1, 0) ? "socket\\n" : "$!\\n" }'
      perl -e 'print socketpair(my $a, my $b, 1, 1, 0) ? "pair\\n" : "$!\\n"'
      /bin/true && echo programs run`;
    const { stdout, stderr } = landlocked(temporaryDirectory(), script, asUser);
    expect(stdout.split('\n')).toEqual([
      ...['shown', 'datamore'],
      ...['Permission denied', 'Permission denied', 'Permission denied'],
      ...['pair', 'programs run', ''],
    ]);
    expect(stderr.match(/Permission denied/g)).toHaveLength(7);
  },
);

it('gondolin-confine starts nothing when its parent is not the one that was named', () => {
  const { status, stdout } = spawnSync(
    confineProgramPath(),
    ['--parent', '1', '--', '/bin/echo', 'started'],
    { encoding: 'utf8' },
  );
  expect({ status, stdout }).toEqual({ status: 127, stdout: '' });
});

it('gondolin-confine says which step failed', () => {
  const args = ['--parent', String(process.pid), '--', '/no/such/program'];
  const { status, stderr } = spawnSync(confineProgramPath(), args, { encoding: 'utf8' });
  expect(status).toBe(127);
  expect(stderr).toBe('gondolin-confine: /no/such/program: No such file or directory\n');
});

it('a program is shown its own prefix, but never one above the home directory', () => {
  const shown = (file: string) => {
    const { args } = confine({ file, args: [] }, OWN_ROOT);
    return args.filter((_, index) => args[index - 1] === '--dir');
  };
  expect(shown('/opt/qemu/bin/qemu')).toContain('/opt/qemu');
  expect(shown('/bin/qemu')).not.toContain('/');
  expect(shown(`${process.env['HOME']}/bin/qemu`)).not.toContain(process.env['HOME']);
});
