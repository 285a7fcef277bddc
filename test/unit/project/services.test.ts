import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SandboxPlan } from '../../../src/plan/plan.ts';
import { type RunOptions, runPlan } from '../../../src/project/run-plan.ts';
import { check, completed, healthy, job, service, shell, started } from './fake-services.ts';
import { type FakeProcess, fakeVms, obey, plan, recorder, step } from './fake-vm.ts';

async function run(
  sandboxes: SandboxPlan[],
  options: Partial<RunOptions> = {},
  guest: (command: FakeProcess) => void = obey,
) {
  const { createVm, vms } = fakeVms(guest);
  const { onEvent, lines } = recorder();
  const result = await runPlan(plan(...sandboxes), {
    createVm,
    onEvent,
    maxParallel: 1,
    ...options,
  });
  const kept = /^(service-(?!output)|step-(started|finished|skipped)|sandbox-)/;
  return { result, vms, lines: lines().filter((line) => kept.test(line)), all: lines() };
}

describe('services', () => {
  it('start before what depends on them, and stop when it has ended', async () => {
    const { lines, result } = await run([job('test', 'true', started('db')), service('db')]);
    expect(lines).toEqual([
      'sandbox-waiting test',
      'service-started db',
      'step-started work 1/1',
      'step-finished work succeeded 0',
      'sandbox-finished test succeeded 0',
      'service-exited db stopped',
      'sandbox-finished db succeeded 0',
    ]);
    expect(result).toMatchObject({ status: 'succeeded', exitCode: 0 });
    expect(result.sandboxes.map(({ name }) => name)).toEqual(['test', 'db']);
    expect(result.sandboxes[1]?.service).toMatchObject({ isStopped: true, restarts: 0 });
  });

  it('stop in reverse order', async () => {
    const { lines } = await run([
      service('db'),
      service('api', {}, [started('db')]),
      job('test', 'true', started('api')),
    ]);
    expect(lines.filter((line) => line.startsWith('service-exited'))).toEqual([
      'service-exited api stopped',
      'service-exited db stopped',
    ]);
    expect(lines.indexOf('sandbox-finished api succeeded 0')).toBeLessThan(
      lines.indexOf('service-exited db stopped'),
    );
  });

  it('run their steps first, and are not started when one fails', async () => {
    const db = { ...service('db'), steps: [step('setup', 'exit 4')] };
    const { lines, result } = await run([db, job('test', 'true', started('db'))]);
    expect(lines).toEqual([
      'sandbox-waiting test',
      'step-started setup 1/1',
      'step-finished setup failed 4',
      'sandbox-finished db failed 4',
      'step-skipped work dependency: step setup of db failed',
      'sandbox-finished test failed 125',
    ]);
    expect(result.exitCode).toBe(4);
    expect(result.sandboxes[1]?.error).toMatchObject({ code: 'PROJECT_DEPENDENCY_FAILED' });
    expect(result.sandboxes[0]?.service).toBeNull();
  });

  it('get their own signal, in the group of their command', async () => {
    const { vms } = await run([
      service('db', { stopSignal: 'SIGINT' }),
      job('test', 'true', started('db')),
    ]);
    expect(vms.get('db')?.started[0]?.kills).toEqual(['SIGINT group']);
  });

  it('are killed with their VM when the grace period is over', async () => {
    const guest = (command: FakeProcess) => {
      command.onKill = async () => undefined;
      obey(command);
    };
    const { result, vms } = await run(
      [service('db', { stopGracePeriodMs: 1 }), job('test', 'true', started('db'))],
      {},
      guest,
    );
    expect(result.sandboxes[0]).toMatchObject({
      status: 'succeeded',
      service: { isStopped: true, exitCode: null },
    });
    expect(vms.get('db')?.isClosed).toBe(true);
  });

  it('forward their output', async () => {
    const { all } = await run([
      service('db', { command: shell('echo up; hang') }),
      job('test', 'true', started('db')),
    ]);
    expect(all).toContain('service-output db stdout "up\\n"');
  });

  it('fail the run with their own exit code', async () => {
    const { result, lines } = await run([
      service('db', { command: shell('exit 3') }),
      job('test', 'true'),
    ]);
    expect(lines).toContain('service-exited db 3');
    expect(result).toMatchObject({ status: 'failed', exitCode: 3 });
  });

  it('are completed when they end with 0', async () => {
    const { result } = await run([
      service('seed', { command: shell('true') }),
      job('test', 'true', completed('seed')),
    ]);
    expect(result.status).toBe('succeeded');
  });

  it('end with the run without any other sandbox, when they end by themselves', async () => {
    const { result } = await run([service('a', { command: shell('exit 5') })]);
    expect(result).toMatchObject({ status: 'failed', exitCode: 5 });
  });
});

describe('a healthcheck', () => {
  it('lets those that wait for it start once it succeeds', async () => {
    let checks = 0;
    const { lines } = await run(
      [service('db', { healthcheck: check('ready') }), job('test', 'true', healthy('db'))],
      {},
      (command) => {
        if (command.argv.at(-1) === 'ready') command.exit(++checks < 3 ? 1 : 0);
        else obey(command);
      },
    );
    expect(checks).toBe(3);
    expect(lines.slice(0, 4)).toEqual([
      'sandbox-waiting test',
      'service-started db',
      'service-healthy db',
      'step-started work 1/1',
    ]);
  });

  it('stops a service that stays unhealthy, and says what the check said', async () => {
    const { result, lines } = await run(
      [
        service('db', { healthcheck: check('ready', { retries: 2 }) }),
        job('test', 'true', healthy('db')),
      ],
      {},
      (command) => {
        if (command.argv.at(-1) !== 'ready') return obey(command);
        command.stderr.write('no response\n');
        command.exit(2);
      },
    );
    expect(result.sandboxes[0]?.error).toMatchObject({
      code: 'PROJECT_SERVICE_UNHEALTHY',
      message: 'unhealthy: the check exited 2: no response',
    });
    expect(result.exitCode).toBe(125);
    expect(lines).toContain(
      'step-skipped work dependency: db: unhealthy: the check exited 2: no response',
    );
  });

  it('that never ends does not keep a service from its restart', async () => {
    let starts = 0;
    const { lines } = await run(
      [
        service('db', {
          restart: { when: 'on-failure', maxRestarts: 1 },
          healthcheck: check('hang check'),
        }),
        job('test', 'true', completed('db')),
      ],
      {},
      (command) => {
        if (command.argv.at(-1) === 'hang check') return;
        if (command.argv.at(-1) !== 'hang') return obey(command);
        starts += 1;
        command.exit(starts === 1 ? 1 : 0);
      },
    );
    expect(lines).toContain('service-restarted db 1');
    expect(lines).toContain('sandbox-finished test succeeded 0');
  });
});

describe('restart', () => {
  it.each([
    ['no', null, 1, 1],
    ['on-failure', 2, 1, 3],
    ['on-failure', null, 0, 1],
  ] as const)(
    '%s:%s starts a command that exits %i %i times',
    async (when, maxRestarts, code, starts) => {
      const { vms, result } = await run([
        service('a', { command: shell(`exit ${code}`), restart: { when, maxRestarts } }),
      ]);
      expect(vms.get('a')?.started).toHaveLength(starts);
      expect(result.exitCode).toBe(code);
    },
  );

  it('always starts one again that exits 0, and kills what it left before', async () => {
    let starts = 0;
    const { vms, lines } = await run(
      [
        service('a', { restart: { when: 'always', maxRestarts: null } }),
        job('w', 'wait', started('a')),
      ],
      {},
      (command) => {
        if (command.argv.at(-1) === 'wait') waiting = command;
        else if (++starts < 3) command.exit(0);
        else waiting?.exit(0);
      },
    );
    expect(lines.filter((line) => line.startsWith('service-restarted'))).toEqual([
      'service-restarted a 1',
      'service-restarted a 2',
    ]);
    expect(vms.get('a')?.started[0]?.kills).toEqual(['SIGKILL tree']);
  });
  let waiting: FakeProcess | undefined;
});

describe('cancelling', () => {
  it('stops services in reverse order and exits 130', async () => {
    const cancel = new AbortController();
    const { result, lines } = await run(
      [service('db'), service('web', {}, [started('db')])],
      { signal: cancel.signal },
      (command) => {
        if (command.options.cwd !== '' && isSecond()) void turn().then(() => cancel.abort());
        obey(command);
      },
    );
    expect(lines.slice(-4)).toEqual([
      'service-exited web stopped',
      'sandbox-finished web cancelled 130',
      'service-exited db stopped',
      'sandbox-finished db cancelled 130',
    ]);
    expect(result).toMatchObject({ status: 'cancelled', exitCode: 130 });
  });
  let commands = 0;
  const isSecond = () => ++commands === 2;
});

describe('sandboxes that depend on each other', () => {
  it('start together as far as they may, at most maxParallel at once', async () => {
    let running = 0;
    let most = 0;
    const guest = (command: FakeProcess) => {
      running += 1;
      most = Math.max(most, running);
      void turn().then(() => {
        running -= 1;
        command.exit(0);
      });
    };
    const { lines } = await run(
      [
        job('c', 'true', completed('a'), completed('b')),
        job('a', 'true'),
        job('b', 'true'),
        job('d', 'true'),
      ],
      { maxParallel: 2 },
      guest,
    );
    expect(most).toBe(2);
    expect(lines.at(-1)).toBe('sandbox-finished c succeeded 0');
  });

  it('are all skipped after a failure, each with its reason', async () => {
    const { result } = await run([
      job('a', 'exit 9'),
      job('b', 'true', completed('a')),
      job('c', 'true', completed('b')),
    ]);
    expect(result.exitCode).toBe(9);
    expect(result.sandboxes.map(({ error }) => error?.message)).toEqual([
      undefined,
      'not started: step work of a failed',
      'not started: b: not started: step work of a failed',
    ]);
  });
});
