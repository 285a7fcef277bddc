import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { askProject, ProjectStream } from '../../../../src/project/background/project-client.ts';
import { ProjectHost } from '../../../../src/project/background/project-host.ts';
import {
  listProjects,
  projectDirectory,
  readProject,
} from '../../../../src/project/background/project-record.ts';
import { runProject } from '../../../../src/project/background/run-project.ts';
import { readContentFacts } from '../../../../src/project/live/content-facts.ts';
import { requestControl } from '../../../../src/session/client/session-client.ts';
import { hostProject } from '../../../fixtures/hosted-project.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';
import { check, job, service, started } from '../../../unit/project/fake-services.ts';
import { fakeVms, plan, recorder, sandbox } from '../../../unit/project/fake-vm.ts';

it('one process has a project, and its directory is private', async () => {
  const cwd = temporaryDirectory();
  const { host, directory } = await hostProject(cwd, [service('db')]);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600);
  const { file, name } = host.record;
  const again = ProjectHost.open({
    ...{ directory, file, name, isNamed: false, isBackground: true, maxParallel: 1 },
    load: () => Promise.reject(new Error('not asked')),
  });
  await expect(again).rejects.toMatchObject({ code: 'PROJECT_RUNNING' });
}, 20_000);

it('requests that are wrong are refused, and the project continues', async () => {
  const { directory, host } = await hostProject(temporaryDirectory(), [service('db')]);
  for (const request of [{ method: 'explode' }, { method: 'stop', names: 1, graceMs: null }]) {
    await expect(requestControl(directory, request)).rejects.toMatchObject({
      code: 'SESSION_FAILED',
    });
  }
  const unknown = { method: 'stop', names: ['x'], graceMs: null } as const;
  await expect(requestControl(directory, unknown)).rejects.toMatchObject({
    code: 'PROJECT_SANDBOX_NOT_FOUND',
  });
  expect(await host.project.waitFor(['db'], 'up')).toBeNull();
});

it('the record has what a request has changed once its reply has come', async () => {
  const { directory } = await hostProject(temporaryDirectory(), [service('db')]);
  const phase = () => readProject(directory)?.record.sandboxes[0]?.phase;
  for (let round = 0; round < 20; round++) {
    await askProject(directory, { method: 'stop', names: [], graceMs: null });
    expect(phase()).toBe('stopped');
    await askProject(directory, { method: 'start', names: [] });
    expect(phase()).not.toBe('stopped');
  }
});

it('a damaged record is no project, and one of a dead process is', async () => {
  const cwd = temporaryDirectory();
  const { directory } = await hostProject(cwd, []);
  const projects = join(cwd, 'state/gondolin/projects');
  expect(listProjects(projects)).toMatchObject([{ isAlive: true, record: { name: 'shop' } }]);
  const record = join(directory, 'project.json');
  const json = JSON.parse(readFileSync(record, 'utf8'));
  writeFileSync(record, JSON.stringify({ ...json, owner: { ...json.owner, startTicks: 1 } }));
  expect(readProject(directory)?.isAlive).toBe(false);
  writeFileSync(record, '{');
  expect(readProject(directory)).toBeNull();
  expect(listProjects(join(cwd, 'missing'))).toEqual([]);
});

it('a stream ends with the error of its work', async () => {
  const db = service('db', { healthcheck: check('hang check') });
  const { directory } = await hostProject(temporaryDirectory(), [db]);
  const source = {
    ...{ file: '/x', projectName: null, args: {}, profiles: [], sandboxes: [], allowHosts: [] },
    ...{ hostSecrets: [], env: {}, usesCache: true, isCold: false, isBuilding: false },
    ...{ isLocked: false, pull: null },
  };
  const request = { method: 'apply', source, isForced: false, wait: 'up', waitLimitMs: 1 } as const;
  const stream = await ProjectStream.open(directory, { ...request, isForced: true });
  const reading = async () => {
    for await (const _ of stream.values());
  };
  await expect(reading()).rejects.toMatchObject({ code: 'PROJECT_WAIT_TIMEOUT' });
});

function foreground(exitCodeFrom: string | null) {
  const directory = projectDirectory(join(temporaryDirectory(), 'projects'), '/p/g.yaml', null);
  const load = () => Promise.reject(new Error('not asked'));
  return {
    directory,
    file: '/p/g.yaml',
    isNamed: false,
    load,
    names: ['web', 'test'],
    exitCodeFrom,
  };
}

it('runProject() stops services with the sandbox of exitCodeFrom, and takes its exit code', async () => {
  const { createVm } = fakeVms();
  const { onEvent, lines } = recorder();
  const shop = plan(service('web'), job('lint', 'exit 9'), job('test', 'exit 4', started('web')));
  const own = foreground('test');
  const result = await runProject(shop, { createVm, onEvent }, own);
  expect(result).toMatchObject({ status: 'failed', exitCode: 4 });
  expect(lines().at(-2)).toBe('sandbox-finished web succeeded 0');
  expect(readProject(own.directory)).toBeNull();
});

it('runProject() ends by itself with what has ended, is cancelled by its signal, and passes on what a listener throws', async () => {
  const { createVm } = fakeVms();
  const done = await runProject(plan(job('test', 'exit 3')), { createVm }, foreground(null));
  expect(done).toMatchObject({ status: 'failed', exitCode: 3 });
  const cancel = new AbortController();
  const onEvent = ({ type }: { type: string }) => {
    if (type === 'service-started') cancel.abort();
  };
  const shop = plan(service('web'));
  const options = { createVm, onEvent, signal: cancel.signal };
  const cancelled = await runProject(shop, options, foreground(null));
  expect(cancelled).toMatchObject({ status: 'cancelled', exitCode: 130 });
  const broken = () => {
    throw new Error('no space');
  };
  await expect(runProject(shop, { createVm, onEvent: broken }, foreground(null))).rejects.toThrow(
    'no space',
  );
});

it('readContentFacts() tells that a secret or a file changed, without its value', async () => {
  const path = join(temporaryDirectory(), 'policy.mjs');
  writeFileSync(path, 'one');
  const base = sandbox('db', []);
  const secret = { name: 'KEY', hosts: ['a.test'], headers: [], query: false, allowHttp: false };
  const from = { kind: 'env', variable: 'KEY' } as const;
  const facts = (value: string) => {
    const network = { ...base.network, policyScript: path };
    return readContentFacts({ network, secrets: [{ ...secret, from }] }, { KEY: value });
  };
  const first = await facts('hidden');
  expect(await facts('hidden')).toEqual(first);
  const next = await facts('other');
  expect(next['secrets.KEY']).not.toBe(first['secrets.KEY']);
  writeFileSync(path, 'two');
  expect((await facts('hidden'))['network.policy_script']).not.toBe(first['network.policy_script']);
  expect(JSON.stringify(first)).not.toContain('hidden');
});
