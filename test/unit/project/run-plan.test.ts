import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { StepPlan } from '../../../src/plan/plan.ts';
import { withDependencies } from '../../../src/plan/with-dependencies.ts';
import { adHocPlan } from '../../../src/project/ad-hoc-plan.ts';
import { defaultParallel, runPlan } from '../../../src/project/run-plan.ts';
import type { CreateSandboxVm } from '../../../src/project/runner-vm.ts';
import { fakeVms, obey, plan, recorder, sandbox, step } from './fake-vm.ts';

async function runSteps(...steps: StepPlan[]) {
  const { createVm, vms } = fakeVms();
  const { onEvent, lines } = recorder();
  const result = await runPlan(plan(sandbox('box', steps)), { createVm, onEvent });
  const statuses = result.sandboxes[0]?.steps.map(({ name, status }) => `${name} ${status}`);
  return { result, statuses, lines: lines(), vm: vms.get('box') };
}

describe('runPlan', () => {
  it('emits every change of a run in order', async () => {
    const { lines, vm, result } = await runSteps(step('hello', 'echo hi'), step('next', 'true'));
    expect(lines).toEqual([
      'run-started',
      'image-progress',
      'vm-starting',
      'warning no room to save it',
      'vm-started',
      'step-started hello 1/1',
      'step-output hello stdout "hi\\n"',
      'step-finished hello succeeded 0',
      'step-started next 1/1',
      'step-finished next succeeded 0',
      'sandbox-finished box succeeded 0',
      'run-finished succeeded 0',
    ]);
    expect(vm?.isClosed).toBe(true);
    expect(result.sandboxes[0]).toMatchObject({ bootMs: 1500, kernel: '6.1.0-fake', error: null });
  });

  it('gives events that survive JSON and carry an ISO time', async () => {
    const { createVm } = fakeVms();
    const { onEvent, events } = recorder();
    await runPlan(plan(sandbox('box', [step('a', 'exit 3')])), { createVm, onEvent });
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
    for (const event of events) expect(event.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
  });

  it('passes a string to a login shell and a list unchanged, with env and cwd', async () => {
    const list = step('list', '', {
      command: { kind: 'argv', argv: ['ls', '-l', '$HOME'] },
      env: { A: '1' },
      cwd: '/src',
    });
    const { vm } = await runSteps(step('text', 'echo $HOME'), list);
    expect(vm?.started[0]?.argv).toEqual(['/bin/sh', '-lc', 'echo $HOME']);
    expect(vm?.started[1]?.argv).toEqual(['ls', '-l', '$HOME']);
    expect(vm?.started[1]?.options).toMatchObject({ env: { A: '1' }, cwd: '/src', stdin: false });
  });

  it('ends with the exit code of the first failing step and skips the later ones', async () => {
    const { result, lines, statuses } = await runSteps(step('a', 'exit 7'), step('b', 'exit 8'));
    expect(result).toMatchObject({ status: 'failed', exitCode: 7 });
    expect(statuses).toEqual(['a failed', 'b skipped']);
    expect(lines).toContain('step-skipped b when: a failed');
  });

  it('runs always and on_failure steps after a failure, and keeps its exit code', async () => {
    const { result, statuses } = await runSteps(
      step('a', 'exit 7'),
      step('b', 'true', { when: 'always' }),
      step('c', 'exit 9', { when: 'on_failure' }),
      step('d', 'true'),
    );
    expect(statuses).toEqual(['a failed', 'b succeeded', 'c failed', 'd skipped']);
    expect(result.exitCode).toBe(7);
  });

  it('skips an on_failure step when nothing failed', async () => {
    const { result, lines } = await runSteps(
      step('a', 'true'),
      step('b', 'true', { when: 'on_failure' }),
    );
    expect(lines).toContain('step-skipped b when: runs only after a failure, and nothing failed');
    expect(result.exitCode).toBe(0);
  });

  it('skips the dependents of a failed step, and theirs, whatever their when', async () => {
    const { lines } = await runSteps(
      step('a', 'exit 1', { continueOnError: true }),
      step('b', 'true', { needs: ['a'], when: 'always' }),
      step('c', 'true', { needs: ['b'] }),
      step('d', 'true'),
    );
    expect(lines).toContain('step-skipped b needs: needs a, which failed');
    expect(lines).toContain('step-skipped c needs: needs b, which was skipped');
    expect(lines).toContain('step-finished d succeeded 0');
  });

  it('succeeds when the only failure is under continue_on_error', async () => {
    const { result } = await runSteps(
      step('a', 'exit 4', { continueOnError: true }),
      step('b', 'true', { when: 'on_failure' }),
    );
    expect(result).toMatchObject({ status: 'succeeded', exitCode: 0 });
    expect(result.sandboxes[0]?.steps[0]).toMatchObject({
      status: 'failed',
      isIgnored: true,
      exitCode: 4,
    });
    expect(result.sandboxes[0]?.steps[1]?.status).toBe('skipped');
  });

  it('treats success_exit_codes as success, and fails with 1 when 0 is not one of them', async () => {
    const good = await runSteps(step('a', 'exit 3', { successExitCodes: [0, 3] }));
    expect(good.result.exitCode).toBe(0);
    const bad = await runSteps(step('a', 'true', { successExitCodes: [3] }));
    expect(bad.result).toMatchObject({ status: 'failed', exitCode: 1 });
  });

  it('skips a step whose need is not part of the run', async () => {
    const { lines } = await runSteps(step('b', 'true', { needs: ['gone'] }));
    expect(lines).toContain('step-skipped b needs: needs gone, which is not part of this run');
  });

  it('runs a sandbox without steps', async () => {
    const { result, vm } = await runSteps();
    expect(result.exitCode).toBe(0);
    expect(vm?.isClosed).toBe(true);
  });
});

describe('runPlan with retries', () => {
  it('runs a step again until it succeeds, and kills what each failed attempt left running', async () => {
    let left = 2;
    const { createVm, vms } = fakeVms((command) => command.exit(left-- > 0 ? 5 : 0));
    const { onEvent, lines } = recorder();
    const flaky = step('flaky', 'x', { retries: 3 });
    const result = await runPlan(plan(sandbox('box', [flaky])), { createVm, onEvent });
    expect(result.exitCode).toBe(0);
    expect(result.sandboxes[0]?.steps[0]).toMatchObject({ attempts: 3, status: 'succeeded' });
    expect(lines().filter((line) => line.startsWith('step-'))).toEqual([
      'step-started flaky 1/4',
      'step-finished flaky failed 5 retry',
      'step-started flaky 2/4',
      'step-finished flaky failed 5 retry',
      'step-started flaky 3/4',
      'step-finished flaky succeeded 0',
    ]);
    const kills = vms.get('box')?.started.map((command) => command.kills);
    expect(kills).toEqual([['SIGKILL tree'], ['SIGKILL tree'], []]);
  });

  it('fails with the code of the last attempt when none succeeds', async () => {
    const { result } = await runSteps(step('a', 'exit 6', { retries: 2 }));
    expect(result.exitCode).toBe(6);
    expect(result.sandboxes[0]?.steps[0]?.attempts).toBe(3);
  });
});

describe('runPlan with several sandboxes', () => {
  it('gives the code of the first failing sandbox in plan order, whichever ended first', async () => {
    const { createVm } = fakeVms((command) => {
      if (command.argv.at(-1) === 'slow') setTimeout(() => command.exit(11), 5);
      else command.exit(22);
    });
    const two = plan(sandbox('a', [step('s', 'slow')]), sandbox('b', [step('s', 'quick')]));
    const result = await runPlan(two, { createVm, maxParallel: 2 });
    expect(result.exitCode).toBe(11);
    expect(result.sandboxes.map(({ name, exitCode }) => [name, exitCode])).toEqual([
      ['a', 11],
      ['b', 22],
    ]);
  });

  it('never runs more than maxParallel VMs at once', async () => {
    let running = 0;
    let most = 0;
    const { createVm } = fakeVms((command) => {
      running += 1;
      most = Math.max(most, running);
      setImmediate(() => {
        running -= 1;
        command.exit(0);
      });
    });
    const boxes = ['a', 'b', 'c', 'd', 'e'].map((name) => sandbox(name, [step('s', 'x')]));
    await runPlan(plan(...boxes), { createVm, maxParallel: 2 });
    expect(most).toBe(2);
  });

  it('continues with the others when a VM does not start', async () => {
    const { createVm } = fakeVms();
    const failing: CreateSandboxVm = async (box, hooks) => {
      if (box.name === 'a') throw new GondolinError('CONFIG_NOT_FOUND', 'no image');
      return createVm(box, hooks);
    };
    const { onEvent, lines } = recorder();
    const two = plan(sandbox('a', [step('s', 'x')]), sandbox('b', [step('s', 'x')]));
    const result = await runPlan(two, { createVm: failing, onEvent, maxParallel: 1 });
    expect(result.exitCode).toBe(2);
    expect(result.sandboxes[0]?.error).toMatchObject({ code: 'CONFIG_NOT_FOUND', stack: null });
    expect(lines()).toContain('step-skipped s sandbox-failed: the sandbox has no running VM');
    expect(lines()).toContain('sandbox-finished b succeeded 0');
  });

  it('reports a bug of the runner with its stack and exit code 125', async () => {
    const createVm: CreateSandboxVm = async () => {
      throw new TypeError('x is not a function');
    };
    const result = await runPlan(plan(sandbox('a', [step('s', 'x')])), { createVm });
    expect(result.exitCode).toBe(125);
    expect(result.sandboxes[0]?.error).toMatchObject({
      code: 'BUG',
      message: 'x is not a function',
    });
    expect(result.sandboxes[0]?.error?.stack).toContain('run-plan.test.ts');
  });

  it('reports a VM that does not close after good steps', async () => {
    const { createVm, vms } = fakeVms((command) => {
      const vm = vms.get('a');
      if (vm !== undefined) vm.closeError = new GondolinError('PROJECT_VM_ENDED', 'stuck');
      obey(command);
    });
    const result = await runPlan(plan(sandbox('a', [step('s', 'x')])), { createVm });
    expect(result).toMatchObject({ status: 'failed', exitCode: 125 });
  });
});

it('runPlan cancels, closes the VM and rejects when the listener throws', async () => {
  const { createVm, vms } = fakeVms();
  const broken = new Error('renderer broke');
  const onEvent = vi.fn((event: { type: string }) => {
    if (event.type === 'step-started') throw broken;
  });
  const running = runPlan(plan(sandbox('a', [step('s', 'hang')])), { createVm, onEvent });
  await expect(running).rejects.toBe(broken);
  expect(vms.get('a')?.isClosed).toBe(true);
});

it('adHocPlan() puts one command in place of the steps', async () => {
  const one = plan(sandbox('a', [step('s', 'exit 1'), step('t', 'x')]));
  const { createVm, vms } = fakeVms();
  const result = await runPlan(adHocPlan(one, ['make', 'all']), { createVm });
  expect(result.exitCode).toBe(0);
  expect(vms.get('a')?.started.map(({ argv }) => argv)).toEqual([['make', 'all']]);
});

it('adHocPlan() keeps what the sandbox depends on, which does not get the streams of the command', async () => {
  const app = {
    ...sandbox('app', [step('s', 'x')]),
    dependsOn: [{ name: 'db', condition: 'completed' as const }],
  };
  const db = sandbox('db', [step('load', 'echo loaded')]);
  const adHoc = adHocPlan(plan(app), ['make']).sandboxes;
  const whole = withDependencies(plan(db, app), adHoc);
  const streams = { stdin: null, stdout: new PassThrough(), stderr: new PassThrough() };
  const { createVm, vms } = fakeVms();
  const { onEvent, lines } = recorder();
  const passthrough = { sandbox: 'app', ...streams };
  const result = await runPlan(whole, { createVm, onEvent, passthrough });
  expect(result.exitCode).toBe(0);
  expect(vms.get('db')?.started).toHaveLength(1);
  expect(vms.get('app')?.started.map(({ argv }) => argv)).toEqual([['make']]);
  expect(lines()).toContain('step-output load stdout "loaded\\n"');
  expect(streams.stdout.read()).toBeNull();
});

it('defaultParallel() is half the CPUs and at least one', () => {
  expect([1, 2, 3, 8].map((cpus) => defaultParallel(cpus))).toEqual([1, 1, 1, 4]);
});
