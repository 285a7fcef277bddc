import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RunEvent } from '../../src/project/run-event.ts';
import { BUILT_BIN, type CliOutcome, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';

const CHECKPOINTS = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'gondolin/checkpoints',
);

/** Runs the built CLI in a project. */
function gondolin(cwd: string, ...args: string[]): Promise<CliOutcome> {
  return runBuiltCli(args, { cwd });
}

/** Creates a project with a unique name, which is part of its checkpoints' keys, so that no other project shares them. */
function project(yaml: string, files: Readonly<Record<string, string>> = {}): string {
  const directory = directoryWith();
  const name = directory.slice(-6).toLowerCase();
  writeFileSync(join(directory, 'gondolin.yaml'), `name: p${name}\n${yaml}`);
  for (const [path, text] of Object.entries(files)) writeFileSync(join(directory, path), text);
  return directory;
}

interface Run {
  readonly code: number;
  readonly cached: readonly string[];
  readonly warnings: readonly string[];
  /** Output of a step, trimmed. */
  output(step: string): string;
}

async function run(cwd: string, ...args: string[]): Promise<Run> {
  const { code, stdout, stderr } = await gondolin(cwd, 'run', '--progress', 'json', ...args);
  const events = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunEvent);
  expect(stderr).toBe('');
  return {
    code,
    cached: events.flatMap((event) => (event.type === 'step-cached' ? [event.step] : [])),
    warnings: events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
    output: (step) =>
      events
        .map((event) => (event.type === 'step-output' && event.step === step ? event.text : ''))
        .join('')
        .trim(),
  };
}

/** From the end of a step to its checkpoint in place, on a slow machine. */
const SAVING_MS = 600;
/** One in each part of that time. */
const KILLS = IS_FULL_LOAD ? 20 : 2;

const SERVICE = `
steps:
  - { name: first, run: "date +%s%N > /root/first" }
  - name: serve
    checkpoint: true
    inputs: [data.txt]
    run: |
      setsid sh -c 'while :; do date +%s%N > /tmp/beat; sleep 0.05; done' >/dev/null 2>&1 &
      cat /proc/sys/kernel/random/boot_id > /root/boot
  - { name: oops, when: on_failure, run: "true" }
  - name: look
    needs: [first, serve]
    run: |
      cat /root/first
      old=$(cat /tmp/beat)
      for _ in $(seq 200); do
        test "$old" != "$(cat /tmp/beat)" && echo beating && break
        sleep 0.1
      done
      od -An -N16 -tx1 /dev/urandom
`;

it('the second run restores the step with its service, its files and fresh entropy; a changed input reruns it', async () => {
  const cwd = project(SERVICE, { 'data.txt': '1' });
  const first = await run(cwd);
  expect([first.code, first.cached, first.warnings]).toEqual([0, [], []]);
  expect((await gondolin(cwd, 'plan')).stdout).toMatch(/serve: .*; cached\)/);
  const second = await run(cwd);
  const third = await run(cwd);
  for (const again of [second, third]) {
    expect([again.code, again.cached, again.warnings]).toEqual([0, ['first', 'serve'], []]);
    expect(again.output('look')).toContain('beating');
  }
  const lines = [first, second, third].map((one) => one.output('look').split('\n'));
  expect(new Set(lines.map((line) => line[0])).size).toBe(1);
  expect(new Set(lines.map((line) => line.at(-1))).size).toBe(3);
  writeFileSync(join(cwd, 'data.txt'), '2');
  expect((await gondolin(cwd, 'plan')).stdout).toContain('not cached: input data.txt changed');
  expect((await run(cwd)).cached).toEqual([]);
  writeFileSync(join(cwd, 'data.txt'), '1');
  expect((await run(cwd)).cached).toEqual(['first', 'serve']);
  const uncached = await run(cwd, '--no-cache');
  expect(uncached.cached).toEqual([]);
  const after = await run(cwd);
  expect(after.cached).toEqual(['first', 'serve']);
  expect(after.output('look').split('\n')[0]).toBe(uncached.output('look').split('\n')[0]);
});

it('a restored step does not change later failures, skips and exit codes', async () => {
  const cwd = project(`
steps:
  - { name: ready, run: "true", checkpoint: true }
  - { name: bad, run: "exit 7" }
  - { name: never, run: "true" }
  - { name: rescue, when: on_failure, run: "echo rescued" }
  - { name: after, when: always, run: "echo cleaned" }
`);
  for (const cached of [[], ['ready']]) {
    const outcome = await run(cwd);
    expect([outcome.code, outcome.cached]).toEqual([7, cached]);
    expect([outcome.output('rescue'), outcome.output('after')]).toEqual(['rescued', 'cleaned']);
  }
});

it('host files below a mount are the present ones after a restore, also through open files', async () => {
  const cwd = project(
    `
volumes: [".:/workspace"]
steps:
  - name: open
    checkpoint: true
    inputs: [lock]
    run: |
      mkdir -p sub
      (cd sub; exec setsid sh -c 'while :; do cat ../now > /tmp/next && mv /tmp/next /tmp/now; pwd > /tmp/next && mv /tmp/next /tmp/cwd; sleep 0.05; done' >/dev/null 2>&1) &
      exec 3<now; setsid sh -c 'while :; do sleep 9; done' 0<&3 >/dev/null 2>&1 &
  - { name: look, run: "sleep 0.5; cat now /tmp/now /tmp/cwd; echo made > made" }
`,
    { now: 'before\n', lock: '' },
  );
  const first = await run(cwd);
  expect([first.code, first.warnings]).toEqual([0, []]);
  writeFileSync(join(cwd, 'now'), 'after\n');
  rmSync(join(cwd, 'made'));
  const second = await run(cwd);
  expect([second.code, second.cached]).toEqual([0, ['open']]);
  expect(second.output('look')).toBe('after\nafter\n/workspace/sub');
  expect(readdirSync(cwd)).toContain('made');
});

it('a running sandbox is saved under a name, and a run starts from it', async () => {
  const cwd = project(`
steps:
  - { name: wait, run: "date +%N > /root/mark; echo waiting; while ! test -e /root/go; do sleep 0.1; done" }
`);
  const name = cwd.slice(-6).toLowerCase();
  const child = spawn(process.execPath, [BUILT_BIN, 'run', '--progress', 'json'], { cwd });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise<void>((done) => {
    child.stdout.on('data', (data) => String(data).includes('waiting') && done());
  });
  const saved = await gondolin(cwd, 'snapshot', name);
  onTestFinished(() => gondolin(cwd, 'snapshot', '--delete', name).then(() => undefined));
  expect([saved.code, saved.stderr]).toEqual([0, '']);
  expect((await gondolin(cwd, 'snapshot', name)).code).toBe(2);
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  expect((await exited)[0]).toBe(130);
  const again = await gondolin(cwd, 'run', '--from', name, '--', 'sh', '-c', 'cat /root/mark');
  expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/^\d+\n$/)]);
  expect((await gondolin(cwd, 'snapshot', name)).code).toBe(2);
});

it.runIf(IS_FULL_LOAD)(
  'kill -9 at any moment of a save leaves a working cache',
  async () => {
    const cwd = project(
      'steps: [{ name: a, run: "true", checkpoint: true, inputs: [x] }, { name: b, run: "echo b" }]\n',
      { x: '' },
    );
    for (let round = 0; round < KILLS; round += 1) {
      writeFileSync(join(cwd, 'x'), String(round));
      const child = spawn(process.execPath, [BUILT_BIN, 'run', '--progress', 'json'], { cwd });
      const exited = once(child, 'exit');
      child.stdout.on('data', (data) => {
        const isSaving = String(data).includes('"step-finished"');
        if (isSaving)
          setTimeout(() => child.kill('SIGKILL'), (SAVING_MS * (round + Math.random())) / KILLS);
      });
      await exited;
    }
    const last = await run(cwd);
    expect([last.code, last.output('b'), last.warnings]).toEqual([0, 'b', []]);
    expect((await run(cwd)).cached).toEqual(['a']);
    writeFileSync(join(cwd, 'x'), 'new');
    await run(cwd);
    const left = readdirSync(CHECKPOINTS).filter((name) => name.startsWith('tmp-'));
    expect(left).toEqual([]);
  },
  300_000,
);

it('a full disk while a checkpoint is saved is one warning', async () => {
  const cwd = project(
    'steps: [{ name: a, run: "true", checkpoint: true }, { name: b, run: "echo b" }]\n',
  );
  // No file may exceed 20 MiB: writing a large file then fails as on a full disk.
  const limited = `ulimit -f 20480; exec "$@"`;
  const args = ['-c', limited, 'sh', process.execPath, BUILT_BIN, 'run', '--progress', 'plain'];
  const child = spawn('bash', args, { cwd, env: { ...process.env, CI: '1' } });
  let text = '';
  child.stdout.on('data', (data) => {
    text += String(data);
  });
  const [code] = await once(child, 'exit');
  expect(text).toMatch(/^=> \S+: warning: a was not saved: .*(?:EFBIG|No space left)/m);
  expect(text).toContain('b: succeeded');
  expect(code).toBe(0);
  expect((await run(cwd)).cached).toEqual([]);
});
