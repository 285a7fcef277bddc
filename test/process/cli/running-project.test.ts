import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readProject, writeProjectRecord } from '../../../src/project/background/project-record.ts';
import { BUILT_BIN, directoryWith, runBuiltCli } from '../../fixtures/cli/run-cli.ts';
import { hostProject } from '../../fixtures/hosted-project.ts';
import { check, healthy, job, service, shell, started } from '../../unit/project/fake-services.ts';
import { step } from '../../unit/project/fake-vm.ts';

const YAML = `
name: shop
sandboxes:
  db: { run: serve }
  web: { run: serve, depends_on: [db] }
`;
/** The built CLI starts in a third of the time. */
function runCli(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
) {
  return runBuiltCli(args, { cwd, env: { XDG_STATE_HOME: join(cwd, 'state'), ...env } });
}

const WAIT = { timeout: 20_000 };
const PROJECT = [
  service('db', { command: shell('echo ready; hang') }),
  { ...service('web', {}, [started('db')]), steps: [step('build', 'echo built')] },
];

async function up(projectName: string | null = null, sandboxes = PROJECT) {
  const cwd = directoryWith(YAML);
  const hosted = await hostProject(cwd, sandboxes, { projectName });
  const names = sandboxes.map(({ name }) => name);
  expect(await hosted.host.project.waitFor(names, 'up')).toBeNull();
  // Commands read the record, which is written a moment after the change.
  await hosted.host.saved();
  return { cwd, ...hosted };
}

it('gondolin ps lists the sandboxes of the project, and is list where none runs', async () => {
  const { cwd } = await up();
  const { stdout } = await runCli(['ps'], { cwd });
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4).join(' '))).toEqual([
    'NAME STATE HEALTH EXIT',
    'db running - -',
    'web running - -',
    '',
  ]);
  const json = JSON.parse((await runCli(['ps', '--format', 'json'], { cwd })).stdout);
  expect(json).toMatchObject({
    project: 'shop',
    pid: process.pid,
    isAlive: true,
    sandboxes: [{ name: 'db', phase: 'running' }, { name: 'web' }],
  });
  const other = await runCli(['ps'], { cwd: directoryWith() });
  expect(other.stdout).toBe('No VM is running.\n');
  const wrong = await runCli(['ps', 'bd'], { cwd });
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('It has: db, web.') });
});

describe('gondolin logs', () => {
  it('prints what sandboxes printed, in order, and by --tail and --since', async () => {
    const { cwd } = await up();
    expect((await runCli(['logs'], { cwd })).stdout).toBe('[db] ready\n[web build] built\n');
    expect((await runCli(['logs', 'web', '--tail', '1'], { cwd })).stdout).toBe(
      '[web build] built\n',
    );
    expect((await runCli(['logs', '--since', '2999-01-01'], { cwd })).stdout).toBe('');
    const bad = await runCli(['logs', '--since', 'soon'], { cwd });
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('--since "soon"') });
    const unknown = await runCli(['logs', 'db', 'bd'], { cwd });
    expect(unknown.stderr).toContain('no sandbox "bd"');
  });

  it('follows with -f until the project ends, without a gap', async () => {
    const { cwd, vms, close } = await up();
    const env = { PATH: process.env['PATH'], HOME: cwd, XDG_STATE_HOME: join(cwd, 'state') };
    const args = [BUILT_BIN, 'logs', '-f', 'db'];
    const child = spawn(process.execPath, args, { cwd, env });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      if (line === '[db] ready') vms.get('db')?.started[0]?.stdout.write('one\ntwo\n');
      if (line === '[db] two') void close();
    });
    const [code] = await once(child, 'close');
    expect({ code, lines }).toEqual({ code: 0, lines: ['[db] ready', '[db] one', '[db] two'] });
  });
});

it('gondolin restart, stop and start change one sandbox, and refuse a wrong name', async () => {
  const { cwd, host, vms } = await up();
  const { project } = host;
  expect(await runCli(['restart', 'db'], { cwd })).toMatchObject({ code: 0, stdout: 'db\n' });
  await vi.waitFor(() => expect(project.states[0]?.restarts).toBe(1), WAIT);
  expect(await runCli(['stop', 'db', '--timeout', '1'], { cwd })).toMatchObject({ code: 0 });
  expect(project.states[0]?.phase).toBe('stopped');
  expect(vms.get('web')?.isClosed).toBe(false);
  expect(await runCli(['start', 'db'], { cwd })).toMatchObject({ code: 0, stdout: 'db\n' });
  await vi.waitFor(() => expect(project.states[0]?.phase).toBe('running'), WAIT);
  const wrong = await runCli(['restart', 'bd'], { cwd });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('PROJECT_SANDBOX_NOT_FOUND');
});

it('ps, logs, stop, start and restart accept the name of a sandbox with a matrix for all that it makes', async () => {
  const cells = ['web-20', 'web-22'].map((name) => {
    const command = shell(`echo ${name} is up; hang`);
    return { ...service(name, { command }), matrixOf: 'web' };
  });
  const { cwd, host } = await up(null, [service('db'), ...cells]);
  const phases = () => host.project.states.map(({ phase }) => phase);
  expect((await runCli(['ps', 'web'], { cwd })).stdout).toMatch(/^web-20 .*\nweb-22 /m);
  const logs = await runCli(['logs', 'web'], { cwd });
  expect(logs.stdout.split('\n').toSorted().join(' ')).toBe(
    ' [web-20] web-20 is up [web-22] web-22 is up',
  );
  expect(await runCli(['stop', 'web'], { cwd })).toMatchObject({ code: 0 });
  expect(phases()).toEqual(['running', 'stopped', 'stopped']);
  expect(await runCli(['start', 'web'], { cwd })).toMatchObject({ code: 0 });
  await vi.waitFor(() => expect(phases()).toEqual(['running', 'running', 'running']), WAIT);
  expect(await runCli(['restart', 'web'], { cwd })).toMatchObject({ code: 0 });
  const restarts = () => host.project.states.map((state) => state.restarts);
  await vi.waitFor(() => expect(restarts()).toEqual([0, 1, 1]), WAIT);
});

it('gondolin plan --diff says what up -d changes, and up -d changes that', async () => {
  const { cwd, change, sources, vms } = await up();
  const none = await runCli(['plan', '--diff'], { cwd });
  expect(none.stdout).toBe('db: unchanged\nweb: unchanged\n');
  const same = await runCli(['up', '-d'], { cwd });
  expect(same).toMatchObject({ code: 0, stdout: '=> nothing has changed\n' });
  change([PROJECT[0] ?? service('db'), service('web', { command: shell('hang on') })]);
  const diff = await runCli(['plan', '--diff'], { cwd, env: { TOKEN: 'hidden' } });
  expect(diff.stdout).toBe('db: unchanged\nweb: recreating: steps.build, run, depends_on\n');
  expect(sources.at(-1)).toMatchObject({ sandboxes: [], env: { TOKEN: 'hidden' } });
  const before = vms.get('db');
  const { stdout, code } = await runCli(['up', '-d', '--wait'], { cwd });
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('=> web: recreating: steps.build, run, depends_on\n'),
  });
  expect(vms.get('db')).toBe(before);
  expect(diff.all + stdout).not.toContain('hidden');
});

it('gondolin up --wait fails with the reason and the last lines of what failed', async () => {
  const { cwd, change } = await up();
  const failing = { ...job('test', 'echo wrong; exit 4'), dependsOn: [started('db')] };
  change([...PROJECT, failing]);
  const { code, stderr } = await runCli(['up', '--wait'], { cwd });
  expect(code).toBe(125);
  expect(stderr).toContain('[test work] wrong\n');
  expect(stderr).toContain('PROJECT_START_FAILED');
  expect(stderr).toContain('test did not start: step work of test failed');
  change([...PROJECT, service('slow', { healthcheck: check('hang check') })]);
  const late = await runCli(['up', '--wait', '--wait-timeout', '1'], { cwd });
  expect(late).toMatchObject({
    code: 124,
    stderr: expect.stringContaining('PROJECT_WAIT_TIMEOUT'),
  });
});

it('gondolin events prints what happens as JSON lines', async () => {
  const { cwd, host } = await up();
  const env = { PATH: process.env['PATH'], HOME: cwd, XDG_STATE_HOME: join(cwd, 'state') };
  const args = [BUILT_BIN, 'events', '--format', 'json'];
  const child = spawn(process.execPath, args, { cwd, env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const types: string[] = [];
  createInterface(child.stdout).on('line', (line) => types.push(JSON.parse(line).type));
  // Until it listens, restarts are not seen.
  await vi.waitFor(async () => {
    await host.project.restart('db');
    expect(types).toContain('service-restarted');
  }, WAIT);
  expect(types).not.toContain('service-output');
});

describe('gondolin down', () => {
  it('stops all in reverse order and leaves nothing', async () => {
    const { cwd, directory, host } = await up();
    const { code, stdout } = await runCli(['down'], { cwd });
    expect(code, stdout).toBe(0);
    expect(stdout.indexOf('=> web: service stopped')).toBeGreaterThan(0);
    expect(stdout.indexOf('=> db: service stopped')).toBeGreaterThan(
      stdout.indexOf('=> web: service stopped'),
    );
    await host.ended;
    await vi.waitFor(() => expect(existsSync(directory)).toBe(false), WAIT);
    const again = await runCli(['down'], { cwd });
    expect(again).toMatchObject({ code: 0, stdout: 'No project of this directory is running.\n' });
    const logs = await runCli(['logs'], { cwd });
    expect(logs).toMatchObject({ code: 2, stderr: expect.stringContaining('PROJECT_NOT_RUNNING') });
  });

  it('works when the project file has a mistake by now', async () => {
    const { cwd } = await up();
    writeFileSync(join(cwd, 'gondolin.yaml'), 'sandboxes: [');
    expect((await runCli(['up', '-d'], { cwd })).code).toBe(2);
    expect(await runCli(['down'], { cwd })).toMatchObject({ code: 0 });
  });
});

it('two projects of one file are told apart by -p', async () => {
  const { cwd } = await up();
  const second = await hostProject(cwd, [service('db')], { projectName: 'second' });
  expect((await runCli(['-p', 'second', 'ps'], { cwd })).stdout).not.toContain('web');
  expect((await runCli(['-p', 'shop', 'ps'], { cwd })).stdout).toContain('web');
  await runCli(['-p', 'second', 'stop', 'db'], { cwd });
  expect(second.host.project.states[0]?.phase).toBe('stopped');
  expect((await runCli(['ps', 'db'], { cwd })).stdout).toContain('running');
  const third = await runCli(['-p', 'third', 'restart'], { cwd });
  expect(third).toMatchObject({ code: 2, stderr: expect.stringContaining('-p: second, shop') });
});

it('after kill -9 of its process ps says so, logs still prints, and down forgets the project', async () => {
  const { cwd, host, directory } = await up();
  const saved = () => readProject(directory)?.record.sandboxes;
  await vi.waitFor(() => expect(saved()).toEqual(host.project.states), WAIT);
  const record = { ...host.record, owner: { ...host.record.owner, startTicks: 1 } };
  await host.logs.close();
  await writeProjectRecord(directory, record);
  const { stdout, stderr } = await runCli(['ps'], { cwd });
  expect(stdout).toMatch(/^db +killed/m);
  expect(stderr).toContain(`(pid ${process.pid}) was killed, and its VMs with it`);
  expect((await runCli(['logs', 'db'], { cwd })).stdout).toBe('[db] ready\n');
  const refused = await runCli(['restart', 'db'], { cwd });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('was killed') });
  const down = await runCli(['down'], { cwd });
  expect(down).toMatchObject({ code: 0, stdout: expect.stringContaining('was killed before') });
  expect(existsSync(directory)).toBe(false);
});

it('gondolin up refuses options that a project in another process cannot have', async () => {
  const cwd = directoryWith(YAML);
  const detached = await runCli(['up', '-d', '--har', 'x.har'], { cwd });
  expect(detached).toMatchObject({ code: 2, stderr: expect.stringContaining('--har') });
  const limit = await runCli(['up', '--wait-timeout', '9'], { cwd });
  expect(limit).toMatchObject({ code: 2, stderr: expect.stringContaining('--wait') });
  const own = await runCli(['background-project'], { cwd });
  expect(own).toMatchObject({ code: 2, stderr: expect.stringContaining('gondolin up -d') });
});

it('a service that is healthy is waited for by what depends on it, and by up', async () => {
  const { host } = await up(null, [
    service('db', { healthcheck: check('true') }),
    service('web', {}, [healthy('db')]),
  ]);
  expect(host.record.sandboxes).toMatchObject([{ health: 'healthy' }, { health: null }]);
});

const NO_SECRET = `
name: shop
sandboxes:
  db:
    run: serve
    secrets: [NOT_SET@api.example.com]
`;

describe('gondolin up -d', () => {
  it('leaves a process that outlives it, and that kill -9 ends without a trace', async () => {
    const cwd = directoryWith(NO_SECRET);
    const { code, stderr } = await runCli(['up', '-d'], { cwd });
    expect(stderr).toContain('db did not start: db: ');
    expect(code).toBe(125);
    const ps = async () => JSON.parse((await runCli(['ps', '--format', 'json'], { cwd })).stdout);
    const { pid, ...facts } = await ps();
    expect(facts).toMatchObject({
      isBackground: true,
      isAlive: true,
      sandboxes: [{ phase: 'failed' }],
    });
    const again = await runCli(['up', '-d'], { cwd });
    expect(again.stdout).toContain('=> db: starting: it failed');
    expect((await ps()).pid).toBe(pid);
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(async () => expect(await ps()).toMatchObject({ pid, isAlive: false }), WAIT);
    await runCli(['up', '-d'], { cwd });
    const next = await ps();
    expect(next).toMatchObject({ isAlive: true });
    expect(next.pid).not.toBe(pid);
    expect(await runCli(['down'], { cwd })).toMatchObject({ code: 0 });
    expect(await ps()).toEqual([]);
  }, 60_000);

  it('says how its process ended, and what it printed', async () => {
    const cwd = directoryWith(YAML);
    const preload = join(cwd, 'crash.cjs');
    const crash = 'if (process.argv.includes("background-project")) throw new Error("no room");';
    writeFileSync(preload, crash);
    const { code, stderr } = await runCli(['up', '-d'], {
      cwd,
      env: { NODE_OPTIONS: `--require ${preload}` },
    });
    expect(code).toBe(125);
    expect(stderr).toContain('PROJECT_PROCESS_FAILED');
    expect(stderr).toContain('no room');
  });
});
