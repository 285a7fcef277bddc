import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ReadonlyProvider, RealFSProvider, VM } from '../../src/index.ts';

const PROGRAMS = resolve(import.meta.dirname, '../../guest/build/test');
const volume = mkdtempSync(join(tmpdir(), 'gondolin-test-'));
writeFileSync(join(volume, 'ticker'), 'while :; do date +%N > /volume/tick; done');

let vm: VM;

beforeAll(async () => {
  vm = await VM.create({
    sandbox: { rootOverlay: true },
    vfs: {
      mounts: {
        '/programs': new ReadonlyProvider(PROGRAMS),
        '/volume': new RealFSProvider(volume),
      },
    },
  });
});

afterAll(async () => {
  await vm.close();
  rmSync(volume, { recursive: true });
});

/** What the survivor of a command would go on writing. */
const tick = () => readFileSync(join(volume, 'tick'), 'utf8');
const TICKER = 'setsid sh /volume/ticker &';
const UNTIL_TICK = 'while [ ! -s /volume/tick ]; do :; done';

async function expectSilence(): Promise<void> {
  const before = tick();
  expect((await vm.exec('sleep 0.5')).exitCode).toBe(0);
  expect(tick()).toBe(before);
}

it.each([
  ['the cgroup of all', 'echo $$ > /sys/fs/cgroup/cgroup.procs', ''],
  ['a cgroup of its own', 'mkdir /sys/fs/cgroup/x; echo $$ > /sys/fs/cgroup/x/cgroup.procs', ''],
  [
    'one by a mount of its own, in new namespaces',
    'mkdir -p /run/g; mount -t cgroup2 g /run/g; echo $$ > /run/g/cgroup.procs; umount -l /run/g',
    'unshare -Cmui',
  ],
  [
    'the cgroup of all, and hides cgroups and /proc',
    'echo $$ > /sys/fs/cgroup/cgroup.procs; mount -t tmpfs t /sys/fs/cgroup; mount -t tmpfs t /proc',
    '',
  ],
])(
  'a command that moves to %s dies at its time limit, with all that it started',
  async (_, move, by) => {
    await vm.exec('rm -f /volume/tick');
    const line = `${move}; ${by} ${TICKER} ${UNTIL_TICK}; sleep 100`;
    await expect(vm.exec(line, { timeoutMs: 3_000 })).rejects.toMatchObject({
      code: 'VM_EXEC_TIMEOUT',
    });
    await expectSilence();
    await vm.exec('[ -e /proc/1 ] || umount /proc; umount -l /sys/fs/cgroup');
    await vm.exec('mount -t cgroup2 c /sys/fs/cgroup');
  },
);

it('kill() reaches what left the cgroup of a command that is over', async () => {
  await vm.exec('rm -f /volume/tick');
  const line = `echo $$ > /sys/fs/cgroup/cgroup.procs; ${TICKER} ${UNTIL_TICK}`;
  const proc = vm.exec(line, { stdout: 'ignore', stderr: 'ignore' });
  expect((await proc).exitCode).toBe(0);
  await proc.kill('SIGKILL', 'tree');
  await expectSilence();
  // A second time nothing is left, and that is no error.
  await proc.kill('SIGKILL', 'tree');
});

it('root that kills every process it sees does not reach the agent', async () => {
  expect((await vm.exec('kill -9 -1; echo alone')).stdout).toBe('alone\n');
  expect((await vm.exec('kill -9 1; kill -STOP 1; echo fine')).stdout).toBe('fine\n');
});

it.each([
  ['a pipe', 'mkfifo'],
  ['a device without end', 'mknod -m 644', 'c 1 5'],
  ['a directory', 'mkdir'],
  ['a file without end', 'truncate -s 1T'],
])(
  '%s for /etc/passwd and /etc/group stops no command of root or of a number',
  async (_, make, ...rest) => {
    const set = ['passwd', 'group'].map(
      (name) => `mv /etc/${name} /etc/${name}.kept; ${make} /etc/${name} ${rest.join(' ')}`,
    );
    await vm.exec(set.join('; '));
    expect((await vm.exec(['echo', 'root'])).stdout).toBe('root\n');
    expect((await vm.exec(['echo', 'number'], { user: '1000:1000' })).stdout).toBe('number\n');
    await expect(vm.exec(['echo'], { user: 'nobody' })).rejects.toMatchObject({
      code: 'AGENT_EXEC_BAD_USER',
    });
    const restore = ['passwd', 'group'].map(
      (name) => `rm -rf /etc/${name}; mv /etc/${name}.kept /etc/${name}`,
    );
    expect((await vm.exec(restore.join('; '))).exitCode).toBe(0);
    expect((await vm.exec(['echo', 'name'], { user: 'nobody' })).stdout).toBe('name\n');
  },
);

it('a file that never answers for /etc/passwd holds up the commands that need it, and nothing else', async () => {
  const shell = vm.exec(['sh'], { stdin: true, stdout: 'pipe' });
  const lines = shell.lines()[Symbol.asyncIterator]();
  const ask = async (line: string) => {
    shell.write(`${line}\n`);
    return (await lines.next()).value;
  };
  const stall = vm.exec(['/programs/stall', 'file', '/etc/passwd'], { stdout: 'pipe' });
  expect((await stall.lines()[Symbol.asyncIterator]().next()).value).toBe('stalled');
  const held = Array.from({ length: 40 }, () => vm.exec(['true'], { timeoutMs: 1_000 }));
  for (const command of held) {
    await expect(command).rejects.toMatchObject({ code: 'VM_EXEC_TIMEOUT' });
  }
  expect(await ask('echo still here')).toBe('still here');
  await stall.kill('SIGKILL', 'tree');
  expect(await ask('umount -l /etc/passwd; echo repaired')).toBe('repaired');
  expect((await vm.exec(['id', '-un'])).stdout).toBe('root\n');
  shell.end();
  expect((await shell).exitCode).toBe(0);
});

it('a user whom the image does not know has a home that only it can use', async () => {
  const line =
    'echo "$HOME" "$(pwd)" "$(stat -c "%a %u %g" ~)"; mkdir -p ~/.cache/x && echo x > ~/.cache/x/y && cat ~/.cache/x/y';
  const results = await Promise.all([1, 2, 3].map(() => vm.exec(line, { user: '4321:77' })));
  for (const result of results) {
    expect(result.stdout).toBe('/run/home/4321 /run/home/4321 700 4321 77\nx\n');
  }
  expect((await vm.exec('ls /run/home/4321', { user: '4322:77' })).exitCode).not.toBe(0);
  const other = { user: '4323', env: { HOME: '/tmp' } };
  expect((await vm.exec('echo $HOME; ls -d /run/home/432*', other)).stdout).toBe(
    '/tmp\n/run/home/4321\n/run/home/4322\n',
  );
});

it('a directory of PATH that the user may not search is passed over', async () => {
  await vm.exec('mkdir -m 700 /opt/closed; ln -s loop /opt/loop');
  const env = {
    PATH: `/opt/closed:/opt/loop:/opt/loop/x:/etc/passwd:/${'x'.repeat(300)}:/usr/bin`,
  };
  expect((await vm.exec(['echo', 'found'], { env, user: 'nobody' })).stdout).toBe('found\n');
});
