import { describe, expect, it, vi } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import type { SandboxPlan } from '../../../../src/plan/plan.ts';
import {
  type ProjectTarget,
  RunningProject,
} from '../../../../src/project/live/running-project.ts';
import { check, completed, healthy, job, service, shell, started } from '../fake-services.ts';
import { type FakeProcess, type FakeVm, fakeVms, obey, recorder, step } from '../fake-vm.ts';

const STOP = new GondolinError('CLI_INTERRUPTED', 'interrupted by Ctrl-C');

function project(guest: (command: FakeProcess) => void = obey) {
  const vms: FakeVm[] = [];
  const limits: (number | undefined)[] = [];
  const { createVm } = fakeVms(guest, (vm, hooks) => {
    vms.push(vm);
    limits.push(hooks.maxRestoredSteps);
  });
  const { lines, onEvent } = recorder();
  const running = new RunningProject({
    emit: async (change) => onEvent({ ...change, time: '' }),
    maxParallel: 2,
  });
  const target = (...sandboxes: SandboxPlan[]): ProjectTarget => {
    return { sandboxes, names: sandboxes.map(({ name }) => name), createVm };
  };
  const names = () => running.states.map(({ name }) => name);
  const up = async (...sandboxes: SandboxPlan[]) => {
    const changes = await running.apply(target(...sandboxes));
    expect(await running.waitFor(names(), 'up')).toBeNull();
    return changes;
  };
  const phases = () => running.states.map(({ name, phase }) => `${name} ${phase}`);
  const kept = /^(service-(?!output)|sandbox-(?!waiting))/;
  let seen = 0;
  const take = () => {
    const fresh = lines().slice(seen);
    seen += fresh.length;
    return fresh.filter((line) => kept.test(line));
  };
  return { running, target, up, phases, lines: take, vms, limits };
}

describe('RunningProject.apply()', () => {
  it('starts sandboxes in order, and services stay', async () => {
    const { up, phases, running } = project();
    await up(
      service('db'),
      job('seed', 'true', started('db')),
      service('web', {}, [completed('seed')]),
    );
    expect(phases()).toEqual(['db running', 'seed done', 'web running']);
    expect(running.states[0]).toMatchObject({
      vmId: '0123456789ab',
      isService: true,
      health: null,
    });
    expect(running.results.map(({ name }) => name)).toEqual(['seed']);
  });

  it('touches nothing when nothing has changed', async () => {
    const { up, vms } = project();
    await up(service('db'), job('seed', 'true'));
    expect(await up(service('db'), job('seed', 'true'))).toEqual([]);
    expect(vms).toHaveLength(2);
  });

  it('runs what differs anew and says why, while the others continue', async () => {
    const { up, vms } = project();
    await up(service('db'), service('web', {}, [started('db')]));
    const web = service('web', { command: shell('hang more') }, [started('db')]);
    const changes = await up(service('db'), web);
    expect(changes).toEqual([{ sandbox: 'web', action: 'recreate', reasons: ['run'] }]);
    expect(vms.map(({ isClosed }) => isClosed)).toEqual([false, true, false]);
  });

  it('removes what is no longer in the project file, and starts what failed or was stopped again', async () => {
    const { up, phases, running } = project();
    await up(service('db'), service('old'), service('web'));
    await running.stop(['web']);
    const changes = await up(service('db'), service('web'));
    expect(changes).toEqual([
      { sandbox: 'web', action: 'start', reasons: ['it was stopped'] },
      { sandbox: 'old', action: 'remove', reasons: ['it is no longer in the project file'] },
    ]);
    expect(phases()).toEqual(['db running', 'web running']);
  });

  it('sees that a file has changed that the plan only names, and recreates all when forced', async () => {
    const { running, target } = project();
    const facts = (digest: string) => new Map([['db', { 'network.policy_script': digest }]]);
    await running.apply({ ...target(service('db')), facts: facts('1') });
    const next = { ...target(service('db')), facts: facts('2') };
    expect(running.preview(next)).toEqual([
      { sandbox: 'db', action: 'recreate', reasons: ['the content of network.policy_script'] },
    ]);
    await running.apply(next);
    expect(running.preview(next)).toMatchObject([{ action: 'keep' }]);
    expect(running.preview(next, true)).toMatchObject([
      { action: 'recreate', reasons: ['--force'] },
    ]);
    expect(running.preview({ ...next, forcedBy: '--build' })).toMatchObject([
      { action: 'recreate', reasons: ['--build'] },
    ]);
  });
});

describe('RunningProject.restart()', () => {
  it('ends the command with its signal and starts it in the same VM, whatever its policy', async () => {
    const { up, running, vms, lines, phases } = project();
    await up(service('db', { stopSignal: 'SIGINT' }));
    lines();
    await running.restart('db');
    await vi.waitFor(() => expect(vms[0]?.started).toHaveLength(2));
    expect(vms).toHaveLength(1);
    expect(vms[0]?.started[0]?.kills).toEqual(['SIGINT group', 'SIGKILL tree']);
    expect(lines()).toEqual([
      'sandbox-changed db restart',
      'service-exited db stopped restart',
      'service-restarted db 1',
    ]);
    expect(phases()).toEqual(['db running']);
  });

  it('kills a command that ignores its signal, and keeps the VM', async () => {
    const { up, running, vms } = project((command) => {
      command.onKill = async () => {
        if (command.kills.at(-1) === 'SIGKILL tree') command.exit(137, 'SIGKILL');
      };
      obey(command);
    });
    await up(service('db'));
    await running.restart('db', 1);
    await vi.waitFor(() => expect(vms[0]?.started).toHaveLength(2));
    expect(vms[0]?.isClosed).toBe(false);
  });

  it('checks the health again', async () => {
    let isReady = true;
    const { up, running } = project((command) => {
      if (command.argv.at(-1) === 'ready') command.exit(isReady ? 0 : 1);
      else obey(command);
    });
    await up(service('db', { healthcheck: check('ready', { retries: 1000 }) }));
    expect(running.states[0]?.health).toBe('healthy');
    isReady = false;
    await running.restart('db');
    await vi.waitFor(() =>
      expect(running.states[0]).toMatchObject({ restarts: 1, health: 'starting' }),
    );
    isReady = true;
    await vi.waitFor(() => expect(running.states[0]?.health).toBe('healthy'));
  });

  it('runs a sandbox without a service anew', async () => {
    const { up, running, vms } = project();
    await up(job('test', 'true'));
    await running.restart('test');
    await running.whenAllEnded();
    expect(vms).toHaveLength(2);
  });
});

describe('RunningProject.stop() and start()', () => {
  it('end one sandbox and leave the others', async () => {
    const { up, running, phases, lines } = project();
    await up(service('db'), service('web', {}, [started('db')]));
    lines();
    await running.stop(['db']);
    expect(phases()).toEqual(['db stopped', 'web running']);
    expect(lines()).toEqual([
      'sandbox-stopping db',
      'service-exited db stopped',
      'sandbox-finished db succeeded 0',
    ]);
    await running.stop(['db']);
    expect(lines()).toEqual([]);
    await running.start(['web']);
    expect(await running.waitFor(['db', 'web'], 'up')).toBeNull();
    expect(phases()).toEqual(['db running', 'web running']);
  });

  it('cancel steps that run', async () => {
    const { running, target, phases } = project();
    await running.apply(target(job('test', 'hang')));
    await vi.waitFor(() => expect(running.states[0]?.step).toBe('work'));
    await running.stop(['test']);
    expect(phases()).toEqual(['test stopped']);
  });

  it('use the given time in place of the grace period', async () => {
    const { up, running } = project((command) => {
      command.onKill = async () => undefined;
      obey(command);
    });
    await up(service('db', { stopGracePeriodMs: 1_000_000 }));
    await running.stop(['db'], 1);
    expect(running.results[0]?.service).toMatchObject({ isStopped: true, exitCode: null });
  });

  it('refuse a name that the project does not have', async () => {
    const { up, running } = project();
    await up(service('db'));
    await expect(running.restart('bd')).rejects.toMatchObject({
      code: 'PROJECT_SANDBOX_NOT_FOUND',
      hint: 'It has: db.',
    });
    expect(() => running.stop(['bd'])).toThrow('"bd"');
  });
});

it('RunningProject.rerun() runs in a new VM, restored before a step at most', async () => {
  const { up, running, vms, limits } = project();
  const test = { ...job('test', 'true'), steps: [step('install', 'true'), step('unit', 'true')] };
  await up(test);
  await running.rerun('test', 'unit');
  await running.whenAllEnded();
  expect(vms).toHaveLength(2);
  expect(limits).toEqual([undefined, 1]);
});

it('RunningProject.stopAll() stops in reverse order, also what still starts', async () => {
  const { running, target, lines, phases } = project((command) => {
    if (command.argv.at(-1) !== 'ready') obey(command);
  });
  await running.apply(
    target(
      service('db', { healthcheck: check('ready') }),
      service('cache'),
      service('web', {}, [healthy('db'), started('cache')]),
    ),
  );
  await vi.waitFor(() => expect(phases()).toEqual(['db running', 'cache running', 'web waiting']));
  lines();
  await running.stopAll(STOP);
  const ended = lines().filter((line) => /finished/.test(line));
  expect(ended[0]).toBe('sandbox-finished web cancelled 130');
  expect(ended).toHaveLength(3);
  expect(phases()).toEqual(['db stopped', 'cache stopped', 'web stopped']);
});

it('RunningProject.waitFor() tells the first sandbox that fails, and why', async () => {
  const { running, target } = project();
  await running.apply(
    target(service('db'), job('test', 'exit 4'), service('web', {}, [completed('test')])),
  );
  expect(await running.waitFor(['db', 'test', 'web'], 'up')).toEqual({
    sandbox: 'test',
    reason: 'step work of test failed',
  });
  expect(await running.waitFor(['db', 'test'], 'started')).toBeNull();
});
