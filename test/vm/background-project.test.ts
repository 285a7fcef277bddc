import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { BUILT_BIN, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { Tmux } from '../fixtures/tmux.ts';

/** A shell says on standard error which of its commands a signal ended. */
const PROJECT = `
name: shop
sandboxes:
  db:
    run: exec 2> /tmp/errors; trap 'echo bye; exit 0' TERM; echo db up; while :; do sleep 0.1; done
    healthcheck: { test: test -e /tmp/ready || touch /tmp/ready, interval: 200ms }
  web:
    depends_on: { db: { condition: healthy } }
    volumes: [./over:/over:overlay]
    run: exec 2> /tmp/errors; trap 'exit 0' TERM; echo web up; while :; do sleep 0.1; done
`;
const WAIT = { timeout: 20_000, interval: 100 };

/** Pids of the QEMUs that a process of gondolin has started. */
function machinesOf(owner: number): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return /^\d+$/.test(pid) && new RegExp(`gondolin-\\d+-${owner}-`).test(words);
    } catch {
      return false;
    }
  });
}

/** A project of its own in a directory, with the commands that reach it. */
function projectOf(text: string) {
  const cwd = directoryWith(text);
  const env = { XDG_STATE_HOME: join(cwd, 'state') };
  const run = (...args: string[]) => runBuiltCli(args, { cwd, env });
  onTestFinished(async () => void (await run('down', '--timeout', '0')));
  const ps = async () => JSON.parse((await run('ps', '--format', 'json')).stdout);
  const expectLogs = (name: string, text: string) =>
    vi.waitFor(async () => expect((await run('logs', name)).stdout).toBe(text), WAIT);
  return { cwd, env, run, ps, expectLogs };
}

it('a project in the background is reached by names, changes only what differs, and leaves no VM after kill -9 or down', async () => {
  const { cwd, run, ps, expectLogs } = projectOf(PROJECT);
  mkdirSync(join(cwd, 'over'));
  const up = await run('up', '-d', '--wait');
  expect(up.code, up.all).toBe(0);
  const { pid, sandboxes } = await ps();
  expect(sandboxes).toMatchObject([
    { name: 'db', phase: 'running', health: 'healthy' },
    { name: 'web', phase: 'running', health: null },
  ]);
  expect(machinesOf(pid)).toHaveLength(2);

  // What a service that runs has changed in its overlay can be taken over.
  await run('exec', 'web', '--', 'sh', '-c', 'echo made > /over/made');
  expect((await run('diff', 'web')).stdout).toBe('A made\n');
  expect((await run('apply', 'web')).code).toBe(0);
  expect(readFileSync(join(cwd, 'over/made'), 'utf8')).toBe('made\n');

  await run('exec', 'db', '--', 'touch', '/tmp/kept');
  expect(await run('restart', 'db')).toMatchObject({ code: 0 });
  await expectLogs('db', '[db] db up\n[db] bye\n[db] db up\n');
  expect((await run('exec', 'db', '--', 'ls', '/tmp/kept')).stdout).toBe('/tmp/kept\n');

  writeFileSync(join(cwd, 'gondolin.yaml'), PROJECT.replace('web up', 'web again'));
  expect((await run('plan', '--diff')).stdout).toBe('db: unchanged\nweb: recreating: run\n');
  const again = await run('up', '-d');
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('=> web: recreating') });
  await expectLogs('web', '[web] web up\n[web] web again\n');
  const [db, web] = (await ps()).sandboxes;
  expect(db.vmId).toBe(sandboxes[0].vmId);
  expect(web.vmId).not.toBe(sandboxes[1].vmId);

  process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(machinesOf(pid)).toEqual([]), WAIT);
  expect((await run('ps')).stdout).toMatch(/^db +killed/m);
  expect(await run('up', '-d')).toMatchObject({ code: 0 });
  const next = (await ps()).pid;
  const { stdout } = await run('down');
  expect(stdout.indexOf('web: service stopped'), stdout).toBeGreaterThan(0);
  expect(stdout.indexOf('db: service stopped'), stdout).toBeGreaterThan(
    stdout.indexOf('web: service stopped'),
  );
  expect(machinesOf(next)).toEqual([]);
});

const STUBBORN = `
name: solo
sandboxes:
  db:
    run: exec 2> /tmp/errors; trap 'echo no' TERM; echo db up; while :; do sleep 0.1; done
    stop_grace_period: 5m
`;

it('up on a terminal has keys that restart, open a shell and detach; a second Ctrl-C ends all at once', async () => {
  const { cwd, env, run, ps, expectLogs } = projectOf(STUBBORN);
  const tmux = new Tmux();
  tmux.type(`cd ${cwd}; export XDG_STATE_HOME=${env.XDG_STATE_HOME}`);
  const up = `${process.execPath} ${BUILT_BIN} up; echo "exit $?"`;
  tmux.type(up);
  await tmux.until(/Keys: r restart/);
  await tmux.until(/\[db\] db up/);
  tmux.press('s');
  await tmux.until(/^root@db:.*#\s*$/m);
  tmux.type('echo in $(hostname)');
  await tmux.until(/^in \w+/m);
  tmux.press('C-d');
  await tmux.until(/^The shell in db ended/m);
  tmux.press('p');
  await tmux.until(/^ +db: running/m);
  tmux.press('d');
  await tmux.until(/^exit 0$/m);
  const { pid, isBackground, sandboxes } = await ps();
  expect({ isBackground, sandboxes }).toMatchObject({
    isBackground: true,
    sandboxes: [{ name: 'db', phase: 'running' }],
  });

  // Shown again, and left running.
  tmux.type('clear');
  tmux.type(up);
  await tmux.until(/Ctrl-C leaves it running/);
  tmux.press('C-c');
  await tmux.until(/^exit 130$/m);
  expect(machinesOf(pid)).toHaveLength(1);
  await expectLogs('db', '[db] db up\n');
  expect(await run('down', '--timeout', '0')).toMatchObject({ code: 0 });

  tmux.type('clear');
  tmux.type(up);
  await tmux.until(/\[db\] db up/);
  const own = (await ps()).pid;
  tmux.press('C-c');
  await tmux.until(/\[db\] no/);
  tmux.press('C-c');
  await tmux.until(/^exit 130$/m);
  await vi.waitFor(() => expect(machinesOf(own)).toEqual([]), WAIT);
});
