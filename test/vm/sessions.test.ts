import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { VM } from 'gondolin';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { BUILT_BIN, type CliOutcome, ROOT, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { qemusOf } from '../fixtures/qemu-processes.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

/** Tells the VMs of this run apart from those of others in the same directory. */
const RUN = process.pid.toString(36);
const SDK = `sdk-${RUN}`;

let vm: VM;
beforeAll(async () => {
  vm = await VM.create({ sessionLabel: SDK });
});
afterAll(() => vm.close());

function gondolin(...args: string[]): Promise<CliOutcome> {
  return runBuiltCli(args, { cwd: ROOT });
}

function start(...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [BUILT_BIN, ...args], { cwd: ROOT, env: process.env });
}

interface Listed {
  readonly id: string;
  readonly label: string | null;
  readonly pid: number;
  readonly state: string;
}

async function listed(label: string): Promise<Listed[]> {
  const { stdout } = await gondolin('list', '--format', 'json');
  return (JSON.parse(stdout) as Listed[]).filter((one) => one.label === label);
}

function sessionsDirectory(): string {
  return join(process.env['XDG_STATE_HOME'] ?? '', 'gondolin/sessions');
}

/** Names in the directory of sessions that belong to a process. */
function leftOf(pid: number): string[] {
  return readdirSync(sessionsDirectory()).filter((name) => name.includes(`-${pid}-`));
}

async function until<T>(read: () => T | Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('a command in the VM of another process has its streams and exit code', async () => {
  expect(await listed(SDK)).toMatchObject([{ pid: process.pid, state: 'running' }]);
  const child = start(
    'exec',
    '-i',
    '-e',
    'A=b c',
    SDK,
    '--',
    'sh',
    '-c',
    'md5sum; echo "$A" >&2; exit 9',
  );
  child.stdin.end(Buffer.alloc(3 * 2 ** 20));
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const md5 = execFileSync('md5sum', { input: Buffer.alloc(3 * 2 ** 20) }).toString();
  expect(await ended).toEqual([md5, 'b c\n', [9, null]]);
  const missing = await gondolin('exec', SDK, '--', 'no-such-program');
  expect([missing.code, missing.stderr]).toEqual([
    127,
    expect.stringContaining('AGENT_EXEC_NOT_FOUND'),
  ]);
  // Its client is killed: so is the command.
  const client = start('exec', SDK, '--', 'sh', '-c', 'echo $$; exec sleep 1000');
  const [pid] = (await once(client.stdout, 'data')) as [Buffer];
  client.kill('SIGKILL');
  const alive = () => vm.exec(['/bin/kill', '-0', String(pid).trim()]);
  await until(alive, ({ exitCode }) => exitCode !== 0);
});

it('cp copies a tree into the VM and out again', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'tree/sub'), { recursive: true });
  writeFileSync(join(directory, 'tree/sub/file'), 'content', { mode: 0o640 });
  const [tree, back] = [join(directory, 'tree'), join(directory, 'back')];
  expect(await gondolin('cp', tree, `${SDK}:/tmp`)).toMatchObject({ code: 0, stderr: '' });
  expect((await vm.exec('cat /tmp/tree/sub/file')).stdout).toBe('content');
  expect(await gondolin('cp', `${SDK}:/tmp/tree`, back)).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(back, 'sub/file'), 'utf8')).toBe('content');
  expect(await gondolin('cp', `${SDK}:/tmp/missing`, back)).toMatchObject({ code: 125 });
});

it('exec -d of a new VM stays with its command until it is stopped, and leaves nothing', async () => {
  const label = `held-${RUN}`;
  const failed = await gondolin('exec', '-d', '--label', label, '--', '/no/such/program');
  expect(failed).toMatchObject({ code: 127, stdout: '' });
  expect(failed.stderr).toContain('/no/such/program');
  const script = 'echo one; echo two >&2; exit 4';
  const begun = await gondolin('exec', '-d', '--label', label, '--', 'sh', '-c', script);
  expect(begun.code).toBe(0);
  const [own] = await listed(label);
  expect(begun.stdout).toBe(`${own?.id}\n`);
  expect(await gondolin('wait', label)).toMatchObject({ code: 4 });
  expect(await gondolin('logs', label)).toMatchObject({ stdout: 'one\n', stderr: 'two\n' });
  expect(await gondolin('exec', label, '--', 'echo', 'more')).toMatchObject({ stdout: 'more\n' });
  const pid = own?.pid ?? 0;
  expect(qemusOf(pid).length).toBe(1);
  expect(await gondolin('stop', label)).toMatchObject({ code: 0 });
  await until(
    () => existsSync(`/proc/${pid}`),
    (isThere) => !isThere,
  );
  expect([qemusOf(pid), leftOf(pid)]).toEqual([[], []]);
});

it('a detached command is followed, waited for, and killed with its VM', async () => {
  const script = 'echo one; read line; echo "two $line"; exit 5';
  const detached = await gondolin('exec', '-d', '-i', SDK, '--', 'sh', '-c', script);
  expect(detached).toMatchObject({ code: 0, stdout: '1\n' });
  const following = gondolin('logs', '-f', SDK);
  const waiting = gondolin('wait', SDK, '1');
  const attached = start('attach', SDK, '1');
  attached.stdin.end('typed\n');
  expect((await once(attached, 'close'))[0]).toBe(5);
  expect(await following).toMatchObject({ code: 0, stdout: 'one\ntwo typed\n' });
  expect((await waiting).code).toBe(5);
  const [stats] = JSON.parse((await gondolin('stats', SDK, '--format', 'json')).stdout);
  expect(stats).toMatchObject({ detachedCount: 0, guest: { memoryBytes: expect.any(Number) } });
  expect(stats.memoryBytes).toBeGreaterThan(32 * 2 ** 20);
});

it('another user of the host cannot reach the VM', async () => {
  const [session] = await listed(SDK);
  const name = readdirSync(sessionsDirectory()).find((one) => one.endsWith(`-${session?.id}.vm`));
  const socket = join(sessionsDirectory(), name ?? '', 'control.sock');
  expect(existsSync(socket)).toBe(true);
  // By a descriptor of the directory, which gets past the modes of the directories above it.
  const dial = `
    const socket = require('node:net').connect('/proc/self/fd/9/control.sock');
    socket.on('connect', () => console.log('connected')).on('error', ({ code }) => console.log(code));
    socket.on('connect', () => socket.destroy());`;
  const command = `exec 9< ${join(socket, '..')} && exec "$@"`;
  const node = [process.execPath, '-e', dial];
  const run = (...argv: string[]) => execFileSync('bash', ['-c', command, '-', ...argv]).toString();
  expect(run(...node)).toBe('connected\n');
  if (process.getuid?.() !== 0) return;
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
  expect(run(...nobody, ...node)).toBe('EACCES\n');
});

/** Runs `gondolin` on a terminal of its own, which `script` of Debian's bsdutils makes. */
function onTerminal(command: string) {
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: temporaryDirectory(),
    env: { ...process.env, TERM: 'xterm', CI: '1' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const see = (pattern: RegExp) =>
    until(
      () => shown,
      (screen) => pattern.test(screen),
    );
  /** The terminal of the command that `script` runs. */
  const device = () => {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    return readlinkSync(`/proc/${children.trim().split(' ')[0]}/fd/0`);
  };
  return { child, see, device, type: (keys: string) => child.stdin.write(keys) };
}

it('gondolin bash has a terminal that follows the size of this one, and Ctrl-C reaches the guest', async () => {
  const label = `bash-${RUN}`;
  const bash = `"${process.execPath}" "${BUILT_BIN}" bash --label ${label} --mount-memfs /scratch`;
  const { child, see, device, type } = onTerminal(`${bash}; echo "status=$?"; stty -a`);
  await see(/VM ready[\s\S]*[#$] /);
  execFileSync('stty', ['-F', device(), 'rows', '40', 'cols', '120']);
  type('stty size; echo "$TERM"; tty\r');
  await see(/40 120\r+\nxterm\S*\s+\/dev\/pts\//);
  expect(await listed(label)).toMatchObject([{ state: 'running' }]);
  expect((await gondolin('exec', label, '--', 'stat', '-fc', '%T', '/scratch')).stdout).toBe(
    'tmpfs\n',
  );
  type('sleep 1000\r');
  await see(/sleep 1000\r+\n/);
  // The command is in the foreground once the guest has it.
  const sleeping = () => gondolin('exec', label, '--', 'pgrep', '-x', 'sleep');
  await until(sleeping, ({ code }) => code === 0);
  type('\u0003');
  type('echo "after=$?"; exit 7\r');
  await see(/after=130\r+\n/);
  const screen = await see(/status=7\r\n[\s\S]*echoctl/);
  expect(screen).toMatch(/ icanon /);
  expect(screen.slice(screen.indexOf('status=7'))).toMatch(/[^-]isig icanon/);
  if (child.exitCode === null) await once(child, 'exit');
  expect(await listed(label)).toEqual([]);
});

it('a closed terminal ends its VM', async () => {
  const label = `closed-${RUN}`;
  const status = join(temporaryDirectory(), 'status');
  const bash = `"${process.execPath}" "${BUILT_BIN}" bash --label ${label}`;
  const { child, see } = onTerminal(`trap : HUP; ${bash}; echo $? > ${status}`);
  await see(/VM ready[\s\S]*[#$] /);
  const [session] = await listed(label);
  const pid = session?.pid ?? 0;
  expect(qemusOf(pid)).toHaveLength(1);
  child.kill('SIGKILL');
  // A process that the closed terminal signals twice leaves its records to the next command.
  const left = async () => [...(await listed(label)), ...qemusOf(pid), ...leftOf(pid)];
  await until(left, (found) => found.length === 0);
  // By SIGHUP; an abort would be 134.
  const ended = await until(
    () => (existsSync(status) ? readFileSync(status, 'utf8') : ''),
    (text) => text !== '',
  );
  expect(ended).toBe('129\n');
});

it('nothing is left of a VM whose owner was killed', async () => {
  const label = `killed-${RUN}`;
  const program = `
    import { VM } from 'gondolin';
    await VM.create({ sessionLabel: '${label}' });
    console.log('ready');`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  const pid = owner.pid ?? 0;
  expect(await listed(label)).toMatchObject([{ pid }]);
  expect(qemusOf(pid)).toHaveLength(1);
  const client = gondolin('exec', label, '--', 'sleep', '1000');
  await until(
    () => gondolin('exec', label, '--', 'pgrep', '-x', 'sleep'),
    ({ code }) => code === 0,
  );
  owner.kill('SIGKILL');
  await once(owner, 'close');
  expect(await client).toMatchObject({
    code: 125,
    stderr: expect.stringContaining('SESSION_FAILED'),
  });
  expect(await listed(label)).toEqual([]);
  await until(
    () => [...qemusOf(pid), ...leftOf(pid)],
    (left) => left.length === 0,
  );
});

it('stop closes a VM of a program, which learns of it', async () => {
  expect(await gondolin('stop', SDK)).toMatchObject({ code: 0 });
  expect(await vm.ended).toBe(undefined);
  expect(await listed(SDK)).toEqual([]);
  expect((await gondolin('exec', SDK, '--', 'true')).stderr).toContain('SESSION_NOT_FOUND');
});
