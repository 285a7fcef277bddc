import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BUILT_BIN, directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { type Served, serveFakeVm } from '../../fixtures/fake-session.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** A "VM" in the state directory that `runCli` uses in `cwd`. */
async function withVm(owned: Parameters<typeof serveFakeVm>[0] = {}) {
  const cwd = directoryWith();
  const served = await serveFakeVm({ sessions: join(cwd, 'state/gondolin/sessions'), ...owned });
  return { cwd, ...served };
}

/** Starts the CLI, to write to its input or signal it. */
function startCli({ cwd }: { cwd: string } & Served, ...args: string[]) {
  const env = { PATH: process.env['PATH'], HOME: cwd, XDG_STATE_HOME: join(cwd, 'state') };
  const child = spawn(process.execPath, [BUILT_BIN, ...args], { cwd, env });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { child, ended };
}

it('gondolin list and ps show the VMs, as a table and as JSON', async () => {
  const empty = await runCli(['list'], { cwd: directoryWith() });
  expect(empty).toMatchObject({ code: 0, stdout: 'No VM is running.\n' });
  const { cwd, session } = await withVm({ owned: { label: 'my \u001b[31mvm' } });
  const { stdout } = await runCli(['ps'], { cwd });
  expect(stdout).toContain(`${session.facts.id}  my vm  debian  1     512 MiB  just now  running`);
  const json = JSON.parse((await runCli(['list', '--format', 'json'], { cwd })).stdout);
  expect(json).toEqual([session.facts]);
});

describe('gondolin exec VM -- CMD', () => {
  it('passes input, outputs, variables and the exit code', async () => {
    const { vm, ...served } = await withVm();
    const script = 'cat; echo "$A" >&2; exit 9';
    const args = ['exec', '-i', '-e', 'A=1,2=3', '--cwd', '/w', 'mine', '--', 'sh', '-c', script];
    const { child, ended } = startCli({ vm, ...served }, ...args);
    child.stdin.end('input');
    expect(await ended).toEqual(['input', '1,2=3\n', [9, null]]);
    const { options, command } = vm.asked[0] ?? {};
    expect(command).toEqual(['sh', '-c', script]);
    expect(options).toMatchObject({ env: { A: '1,2=3' }, cwd: '/w' });
  });

  it('reads no input without -i', async () => {
    const { cwd } = await withVm();
    const { code, stdout } = await runCli(['exec', 'mine', '--', 'wc', '-c'], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '0\n' });
  });

  it('Ctrl-C exits 130 and ends the command', async () => {
    const { vm, ...served } = await withVm();
    const args = ['exec', 'mine', '--', 'sh', '-c', 'echo ready; exec sleep 600'];
    const { child, ended } = startCli({ vm, ...served }, ...args);
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const [, stderr, [code]] = await ended;
    expect({ code, stderr }).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('CLI_INT'),
    });
    const isAlive = () => {
      try {
        return process.kill(vm.pids[0] ?? 0, 0);
      } catch {
        return false;
      }
    };
    while (isAlive()) await new Promise(setImmediate);
  });

  it('exits 125 when the VM ends first', async () => {
    const { session, ...served } = await withVm();
    const args = ['exec', 'mine', '--', 'sh', '-c', 'echo ready; exec sleep 600'];
    const { child, ended } = startCli({ session, ...served }, ...args);
    await once(child.stdout, 'data');
    await session.close();
    const [, stderr, [code]] = await ended;
    expect({ code, stderr }).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('SESSION_FAILED'),
    });
  });
});

it('a detached command is followed, waited for and killed by its number', async () => {
  const { cwd } = await withVm();
  const run = (...args: string[]) => runCli(args, { cwd });
  const shell = (script: string) => run('exec', '-d', 'mine', '--', 'sh', '-c', script);
  expect(await shell('echo out; echo err >&2; exit 4')).toMatchObject({ code: 0, stdout: '1\n' });
  expect(await run('logs', '-f', 'mine')).toMatchObject({
    code: 0,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  expect(await run('wait', 'mine', '1')).toMatchObject({ code: 4 });
  expect(await shell('exec sleep 600')).toMatchObject({ stdout: '2\n' });
  expect(await run('kill', 'mine', '2', '--signal', 'kill')).toMatchObject({ code: 0 });
  expect(await run('wait', 'mine')).toMatchObject({ code: 137 });
});

it('gondolin attach shows the main command, and passes it input', async () => {
  const served = await withVm();
  const { vm, session } = served;
  const script = 'read line; echo "got $line"; exit 3';
  const { signal } = new AbortController();
  const options = { stdin: true, stdout: 'pipe', stderr: 'pipe', env: {}, signal } as const;
  const own = session.showMain(vm.exec(['sh', '-c', script], options), false);
  own.stdout?.resume();
  own.stderr?.resume();
  const { child, ended } = startCli(served, 'attach', 'mine', 'main');
  child.stdin.write('word\n');
  expect(await ended).toEqual(['got word\n', '', [3, null]]);
});

it('gondolin shell runs standard input as a script when it is no terminal', async () => {
  const { vm, ...served } = await withVm();
  const { child, ended } = startCli({ vm, ...served }, 'shell', '-e', 'A=1', 'mine');
  child.stdin.end('echo "got $A"; exit 6');
  expect(await ended).toEqual(['got 1\n', '', [6, null]]);
  expect(vm.asked[0]?.options).not.toHaveProperty('pty');
});

it('gondolin stats prints what VMs use, as a table and as JSON', async () => {
  const { cwd, session } = await withVm();
  const run = (...args: string[]) => runCli(['stats', ...args], { cwd });
  expect((await run()).stdout).toMatch(/^VM +MEMORY .*\n[0-9a-f]{12} \(mine\) .*iB of .*iB/);
  const [stats] = JSON.parse((await run('mine', '--format', 'json')).stdout);
  expect(stats).toMatchObject({ id: session.facts.id, execCount: 1, detachedCount: 0 });
  expect(stats.guest.memoryBytes).toBeGreaterThan(2 ** 20);
});

it('gondolin cp copies both ways, into directories that exist', async () => {
  const { cwd } = await withVm();
  const guest = temporaryDirectory();
  writeFileSync(join(cwd, 'a:b'), 'there');
  const run = (...args: string[]) => runCli(['cp', ...args], { cwd });
  const counts = { code: 0, stdout: 'copied 1 file, 5 B\n' };
  expect(await run('./a:b', `mine:${guest}`)).toMatchObject(counts);
  expect(readFileSync(join(guest, 'a:b'), 'utf8')).toBe('there');
  expect(await run('./a:b', `mine:${guest}/new`)).toMatchObject(counts);
  expect(await run(`mine:${guest}/new`, '.')).toMatchObject(counts);
  expect(readFileSync(join(cwd, 'new'), 'utf8')).toBe('there');
});

it('gondolin cp - passes a tar archive both ways', async () => {
  const served = await withVm();
  const [from, to] = [temporaryDirectory(), temporaryDirectory()];
  writeFileSync(join(from, 'large'), Buffer.alloc(1_000_000, 7));
  const out = startCli(served, 'cp', `mine:${from}`, '-').child;
  const into = startCli(served, 'cp', '-', `mine:${to}`);
  out.stdout.pipe(into.child.stdin);
  expect(await into.ended).toEqual(['copied 1 file, 976.6 KiB\n', '', [0, null]]);
  const copied = readFileSync(join(to, basename(from), 'large'));
  expect(copied.equals(Buffer.alloc(1_000_000, 7))).toBe(true);
  const bad = startCli(served, 'cp', '--format', 'json', '-', `mine:${to}`);
  bad.child.stdin.end('no archive');
  const [, stderr, code] = await bad.ended;
  expect(code).toEqual([125, null]);
  expect(JSON.parse(stderr)).toMatchObject({ code: 'FILES_BAD_ARCHIVE' });
  const missing = startCli(served, 'cp', `mine:${from}/none`, '-');
  expect((await missing.ended)[2]).toEqual([125, null]);
});

it('gondolin stop closes VMs and prints their ids', async () => {
  const { cwd, session } = await withVm();
  const { code, stdout } = await runCli(['stop', 'mine'], { cwd });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${session.facts.id}\n` });
  expect((await runCli(['list'], { cwd })).stdout).toBe('No VM is running.\n');
});

it.each([
  [['exec', 'mine'], 'CLI_USAGE'],
  [['exec', 'mine', '--'], 'CLI_USAGE'],
  [['exec', 'one', 'two', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '--'], 'CLI_USAGE'],
  [['exec'], 'CLI_USAGE'],
  [['exec', '--cpus', '2', 'mine', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '--mount-hostfs', '.:/x', 'mine', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '-d', '-t', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '-d', '--cpus', '0', '--', 'ls'], 'CLI_USAGE'],
  [['logs', 'mine', 'main'], 'SESSION_COMMAND_NOT_FOUND'],
  [['exec', '--cpus', '0', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '--resume', 'none', '--', 'ls'], 'SNAPSHOT_NOT_FOUND'],
  [['bash', 'mine'], 'CLI_USAGE'],
  [['bash', '--', 'ls'], 'CLI_USAGE'],
  [['bash', '--image', 'none'], 'CLI_USAGE'],
  [['shell'], 'CLI_USAGE'],
  [['shell', 'other'], 'SESSION_NOT_FOUND'],
  [['run', '-t'], 'CLI_USAGE'],
  [['exec', '-e', '=x', 'mine', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '-e', 'NOT_SET_HERE', 'mine', '--', 'ls'], 'CLI_USAGE'],
  [['exec', '--cwd', 'relative', 'mine', '--', 'ls'], 'CLI_USAGE'],
  [['exec', 'other', '--', 'ls'], 'SESSION_NOT_FOUND'],
  [['cp', 'mine:/x'], 'CLI_USAGE'],
  [['cp', './a', './b'], 'CLI_USAGE'],
  [['cp', 'mine:/a', 'mine:/b'], 'CLI_USAGE'],
  [['cp', 'other:/a', '.'], 'SESSION_NOT_FOUND'],
  [['stop'], 'CLI_USAGE'],
  [['stop', 'mine', 'other'], 'SESSION_NOT_FOUND'],
  [['logs'], 'PROJECT_NOT_RUNNING'],
  [['logs', 'mine', 'x'], 'CLI_USAGE'],
  [['logs', 'mine', '--', 'x'], 'CLI_USAGE'],
  [['attach', 'mine'], 'SESSION_COMMAND_NOT_FOUND'],
  [['wait', 'mine', '7'], 'SESSION_COMMAND_NOT_FOUND'],
  [['kill', 'mine', '--signal', 'NONE'], 'CLI_USAGE'],
  [['snapshot', 'x', 'mine'], 'SESSION_UNSUPPORTED'],
])('%j exits 2 with %s', async (args, code) => {
  const { cwd } = await withVm();
  const [command = '', ...rest] = args;
  const outcome = await runCli([command, '--format', 'json', ...rest], { cwd });
  expect(outcome.code).toBe(2);
  expect(JSON.parse(outcome.stderr)).toMatchObject({ code });
});

describe('gondolin ssh VM', () => {
  it('runs a command by the system ssh, with the exit code, input and words as they are', async () => {
    const served = await withVm();
    const args = ['ssh', 'mine', '--', 'sh', '-c', 'cat; echo "$1" >&2; exit 5', 'sh', "it's"];
    const { child, ended } = startCli(served, ...args);
    child.stdin.end('input');
    expect(await ended).toEqual(['input', "it's\n", [5, null]]);
  });

  it('SIGTERM ends the ssh that it started, and exits 143', async () => {
    const served = await withVm();
    const { child, ended } = startCli(served, 'ssh', 'mine', '--', 'sh', '-c', 'echo ready; cat');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    // Its outputs are those of ssh too: they end with both.
    expect((await ended)[2]).toEqual([143, null]);
  });

  it('ssh-config prints a block by which ssh reaches the VM', async () => {
    const { cwd, session } = await withVm();
    const { code, stdout } = await runCli(['ssh-config', 'mine'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Host gondolin-mine gondolin-${session.facts.id}\\n`));
    const file = join(cwd, 'config');
    writeFileSync(file, stdout);
    const ssh = spawn('ssh', ['-n', '-F', file, 'gondolin-mine', 'echo in; exit 4']);
    const [output, [exit]] = await Promise.all([text(ssh.stdout), once(ssh, 'close')]);
    expect({ output, exit }).toEqual({ output: 'in\n', exit: 4 });
  });

  it.each([
    [['ssh'], 2],
    [['ssh-config'], 2],
    [['ssh', 'nothing'], 2],
  ])('%j exits with %i', async (args, want) => {
    const { cwd } = await withVm();
    expect(await runCli(args, { cwd })).toMatchObject({ code: want });
  });
});

describe('gondolin port [SANDBOX] [PORT]', () => {
  const PORTS = [
    { host: '127.0.0.1', port: 8080, guestPort: 80 },
    { host: '::1', port: 3000, guestPort: 3000 },
  ];

  it('prints the ports of a VM, of all, and of one port', async () => {
    const { cwd, vm, session } = await withVm();
    expect(await runCli(['port'], { cwd })).toMatchObject({ code: 0, stdout: '' });
    vm.exposedPorts = PORTS;
    const print = async (...args: string[]) => (await runCli(['port', ...args], { cwd })).stdout;
    expect(await print('mine')).toBe('80/tcp -> 127.0.0.1:8080\n3000/tcp -> [::1]:3000\n');
    expect(await print()).toBe('mine 80/tcp -> 127.0.0.1:8080\nmine 3000/tcp -> [::1]:3000\n');
    expect(await print('80')).toBe('127.0.0.1:8080\n');
    expect(await print('mine', '3000')).toBe('[::1]:3000\n');
    const rows = PORTS.map((port) => ({ id: session.facts.id, name: 'mine', ...port }));
    expect(JSON.parse(await print('--format', 'json'))).toEqual(rows);
  });

  it('names a port that nothing leads to, and an operand that is not a port', async () => {
    const { cwd } = await withVm();
    expect(await runCli(['port', 'mine', '81'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('SESSION_PORT_NOT_FOUND'),
    });
    expect(await runCli(['port', 'mine', 'http'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('CLI_USAGE'),
    });
  });
});
