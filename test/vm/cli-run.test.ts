import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { BUILT_BIN, type CliOutcome, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { qemusOf } from '../fixtures/qemu-processes.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

/** Runs the built CLI in a project. */
function gondolin(cwd: string, ...args: string[]): Promise<CliOutcome> {
  return runBuiltCli(args, { cwd });
}

beforeAll(async () => {
  const warm = mkdtempSync(join(tmpdir(), 'gondolin-warm-'));
  writeFileSync(join(warm, 'gondolin.yaml'), 'image: debian\nsteps: [{ run: "true" }]\n');
  const { code, all } = await gondolin(warm, 'run');
  rmSync(warm, { recursive: true });
  expect(code, all).toBe(0);
});

it('run exits with the code of the failed step, runs always steps, skips the rest and prints the output in full', async () => {
  const cwd = directoryWith(`
name: codes
image: debian
steps:
  - { name: first, run: "echo one; uname -r" }
  - { name: bad, run: "seq 3000; echo the-last-words >&2; exit 7" }
  - { name: never, run: "echo must-not-run" }
  - { name: after, when: always, run: "echo cleaning" }
  - { name: rescue, when: on_failure, run: "echo rescued" }
`);
  const reports = ['--junit', 'results.xml', '--report', 'results.html'];
  const { code, all } = await gondolin(cwd, 'run', ...reports);
  expect(code, all).toBe(7);
  expect(all).toContain('the-last-words');
  expect(all).toContain('2999');
  expect(all).toContain('cleaning');
  expect(all).toContain('rescued');
  expect(all).not.toContain('must-not-run\n');
  const [xml, page] = ['results.xml', 'results.html'].map((name) =>
    readFileSync(join(cwd, name), 'utf8'),
  );
  expect(xml).toContain('tests="5" failures="1" errors="0" skipped="1"');
  expect(xml).toMatch(/2999\n3000\n[\s\S]*<\/system-out>/);
  expect(xml).toContain('the-last-words\n');
  expect(page).toContain('<details open><summary>bad');
  expect(page).toContain('the-last-words');
});

it('a step that passes its timeout exits 124 with no process of it left for the always step', async () => {
  const cwd = directoryWith(`
image: debian
steps:
  - { name: slow, run: "(setsid sleep 4242 &); sleep 4242", timeout: 2s }
  - { name: look, when: always, run: "echo left=$(ps -eo args | grep -c '[s]leep 4242')" }
`);
  const { code, all } = await gondolin(cwd, 'run');
  expect(code, all).toBe(124);
  expect(all).toContain('left=0');
});

/** Resolves once the directory has that name. */
function appears(directory: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (existsSync(join(directory, name))) resolve();
    };
    const watcher = watch(directory, look);
    onTestFinished(() => watcher.close());
    look();
  });
}

it("a volume of one file follows an editor's save, and the place of a nested volume is the user's on a later run too", async () => {
  const cwd = directoryWith(`
image: debian
user: nobody
volumes: [".:/work", "./app.conf:/etc/app.conf:ro", "./cache:/work/nested/cache"]
steps:
  - { name: owner, run: 'test "$(stat -c %U /work/nested)" = nobody && touch /work/nested/mine' }
  - name: follow
    timeout: 1m
    run: |
      test "$(cat /etc/app.conf)" = old || exit 9
      touch /work/ready
      for i in $(seq 20); do
        test "$(cat /etc/app.conf)" = new && exit 0
        sleep 0.5
      done
      exit 1
`);
  mkdirSync(join(cwd, 'cache'));
  for (const run of ['first', 'later']) {
    writeFileSync(join(cwd, 'app.conf'), 'old\n');
    rmSync(join(cwd, 'ready'), { force: true });
    const running = gondolin(cwd, 'run');
    await Promise.race([appears(cwd, 'ready'), running]);
    writeFileSync(join(cwd, 'app.conf.tmp'), 'new\n');
    renameSync(join(cwd, 'app.conf.tmp'), join(cwd, 'app.conf'));
    const { code, all } = await running;
    expect(code, `${run}: ${all}`).toBe(0);
    expect(statSync(join(cwd, 'nested')).uid).toBe(process.getuid?.());
  }
});

it('steps work on the mounted project; gondolin.yaml is read-only in the guest', async () => {
  const cwd = directoryWith(`
image: debian
volumes: [".:/workspace"]
env: { FROM_YAML: "yes" }
steps:
  - { name: write, run: "echo $FROM_YAML > out.txt" }
  - { name: list, run: ["cp", "out.txt", "copy with space.txt"] }
  - { name: widen, run: "echo evil >> gondolin.yaml || rm -f gondolin.yaml || mv gondolin.yaml x", continue_on_error: true }
`);
  const before = readFileSync(join(cwd, 'gondolin.yaml'), 'utf8');
  const { code, all } = await gondolin(cwd, 'run');
  expect(code, all).toBe(0);
  expect(readFileSync(join(cwd, 'copy with space.txt'), 'utf8')).toBe('yes\n');
  expect(readFileSync(join(cwd, 'gondolin.yaml'), 'utf8')).toBe(before);
});

it('run -- CMD passes standard input, output and the exit code through', async () => {
  const cwd = directoryWith('image: debian\nsteps: [{ run: "false" }]\n');
  const child = spawn(process.execPath, [BUILT_BIN, 'run', '--', 'sh', '-c', 'cat; exit 5'], {
    cwd,
  });
  child.stdin.end('through the VM\n');
  let stdout = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  const code = await new Promise((done) => child.once('exit', done));
  expect(stdout).toContain('through the VM\n');
  expect(code).toBe(5);
});

it('run exits 127 and 126 like a shell when a list step cannot start', async () => {
  const missing = directoryWith('image: debian\nsteps: [{ run: [no-such-program] }]\n');
  expect((await gondolin(missing, 'run')).code).toBe(127);
  const denied = directoryWith('image: debian\nsteps: [{ run: [/etc/passwd] }]\n');
  expect((await gondolin(denied, 'run')).code).toBe(126);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGKILL', null],
] as const)('%s during a step leaves no QEMU and no temporary file', async (signal, exitCode) => {
  const cwd = directoryWith(
    // Without a network: a new state directory would get a new certificate authority, and a template for it.
    'network: { mode: none }\nsteps: [{ name: wait, run: "echo in-the-step; sleep 1000" }]\n',
  );
  const state = temporaryDirectory();
  const env = {
    ...process.env,
    CI: '1',
    XDG_STATE_HOME: state,
    TMPDIR: state,
  };
  const child = spawn(process.execPath, [BUILT_BIN, 'run'], { cwd, env });
  await new Promise<void>((done) => {
    child.stdout.on('data', (data) => {
      if (String(data).includes('in-the-step')) done();
    });
  });
  const started = qemusOf(child.pid ?? 0);
  expect(started.length).toBe(1);
  child.kill(signal);
  const code = await new Promise((done) => child.once('exit', done));
  expect(code).toBe(exitCode);
  await expect
    .poll(() => started.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 2000 })
    .toEqual([]);
  if (signal === 'SIGKILL') await runBuiltCli(['images'], { cwd, env: { XDG_STATE_HOME: state } });
  const left = readdirSync(state, { recursive: true, withFileTypes: true }).filter(
    (entry) => !entry.isDirectory(),
  );
  expect(left.map((entry) => entry.name).filter((name) => !name.endsWith('.lock'))).toEqual([]);
});

it('run --progress json prints one event a line and nothing else', async () => {
  const cwd = directoryWith('image: debian\nsteps: [{ name: say, run: "echo hi" }]\n');
  const { code, stdout } = await gondolin(cwd, 'run', '--progress', 'json');
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string });
  expect(events[0]?.type).toBe('run-started');
  expect(events.at(-1)?.type).toBe('run-finished');
});
