import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { StepPlan } from '../../../src/plan/plan.ts';
import type { SavedStep } from '../../../src/project/checkpoint/checkpoint-facts.ts';
import { runPlan } from '../../../src/project/run-plan.ts';
import type { SandboxVmHooks } from '../../../src/project/runner-vm.ts';
import { type FakeVm, fakeVms, obey, plan, recorder, sandbox, step } from './fake-vm.ts';

const DONE: SavedStep = {
  status: 'succeeded',
  exitCode: 0,
  durationMs: 5,
  reason: null,
  outputs: {},
};
const NOT_NEEDED: SavedStep = {
  status: 'skipped',
  exitCode: null,
  durationMs: 0,
  reason: 'runs only after a failure, and nothing failed',
  outputs: {},
};

async function run(
  steps: readonly StepPlan[],
  prepare: (vm: FakeVm, hooks: SandboxVmHooks) => void,
  signal?: AbortSignal,
) {
  const { createVm, vms } = fakeVms(obey, prepare);
  const { onEvent, lines } = recorder();
  const options = signal === undefined ? {} : { signal };
  const result = await runPlan(plan(sandbox('box', steps)), { createVm, onEvent, ...options });
  return { result, steps: result.sandboxes[0]?.steps, lines: lines(), vm: vms.get('box') };
}

const saved = (name: string, script: string, rest: Partial<StepPlan> = {}) =>
  step(name, script, { checkpoint: true, ...rest });

it('a step with a checkpoint is saved after it succeeded, with the results up to it', async () => {
  const { lines, vm, result } = await run(
    [step('a', 'true'), saved('b', 'true'), step('c', 'true')],
    () => undefined,
  );
  expect(vm?.saves).toEqual(['1 succeeded succeeded']);
  expect(lines.indexOf('checkpoint-saved b')).toBe(
    lines.indexOf('step-finished b succeeded 0') + 1,
  );
  expect(result.exitCode).toBe(0);
});

it('steps before the restored checkpoint do not run; the others do, and needs count them', async () => {
  const { lines, vm, steps, result } = await run(
    [
      step('a', 'true'),
      step('oops', 'true', { when: 'on_failure' }),
      saved('b', 'true'),
      step('c', 'true', { needs: ['a', 'b'] }),
      step('d', 'true', { needs: ['oops'] }),
      step('e', 'true', { when: 'always' }),
    ],
    (vm) => {
      vm.cachedSteps = [DONE, NOT_NEEDED, DONE];
    },
  );
  expect(vm?.started.map(({ argv }) => argv.at(-1))).toEqual(['true', 'true']);
  expect(lines).toContain('step-cached a');
  expect(lines).toContain('step-skipped oops when: runs only after a failure, and nothing failed');
  expect(steps?.map(({ name, status, isCached }) => `${name} ${status} ${isCached}`)).toEqual([
    'a succeeded true',
    'oops skipped false',
    'b succeeded true',
    'c succeeded false',
    'd skipped false',
    'e succeeded false',
  ]);
  expect(vm?.saves).toEqual([]);
  expect(result.exitCode).toBe(0);
});

it('after a restore, a failed step skips the later ones as usual', async () => {
  const { result, steps } = await run(
    [
      saved('a', 'true'),
      step('b', 'exit 7'),
      step('c', 'true'),
      step('d', 'true', { when: 'on_failure' }),
    ],
    (vm) => {
      vm.cachedSteps = [DONE];
    },
  );
  expect(result.exitCode).toBe(7);
  expect(steps?.map(({ status }) => status)).toEqual([
    'succeeded',
    'failed',
    'skipped',
    'succeeded',
  ]);
});

it('a step that fails is not saved; a later one with its own `when` may be', async () => {
  const { vm } = await run(
    [saved('a', 'exit 1', { continueOnError: true }), saved('b', 'true')],
    () => undefined,
  );
  expect(vm?.saves).toEqual(['1 failed succeeded']);
});

it('a failed save is one warning line, and the run continues', async () => {
  const { lines, result } = await run([saved('a', 'true'), step('b', 'true')], (vm) => {
    vm.onSave = () =>
      Promise.reject(new GondolinError('MACHINE_STATE_FAILED', 'no space left\nmore'));
  });
  expect(lines).toContain('warning a was not saved: no space left');
  expect(lines).toContain('step-finished b succeeded 0');
  expect(result.exitCode).toBe(0);
});

it('a save that was not tried warns why; one that was not needed does not', async () => {
  const { lines } = await run([saved('a', 'true'), saved('b', 'true')], (vm) => {
    vm.onSave = async () =>
      vm.saves.length === 1 ? { kind: 'skipped', reason: 'input x changed' } : { kind: 'existed' };
  });
  expect(lines.filter((line) => /warning|saved/.test(line))).toEqual([
    'warning no room to save it',
    'warning a was not saved: input x changed',
  ]);
});

it('a cancel does not wait for a save to end', async () => {
  const stop = new AbortController();
  const { result, vm } = await run(
    [saved('a', 'true'), step('b', 'true')],
    (fake) => {
      fake.onSave = () => {
        stop.abort();
        return new Promise(() => undefined);
      };
    },
    stop.signal,
  );
  expect(result.exitCode).toBe(130);
  expect(vm?.isClosed).toBe(true);
});

it('warnings and missed checkpoints of the start are events', async () => {
  const { lines } = await run([saved('a', 'true')], (_vm, hooks) => {
    hooks.onWarning('a checkpoint does not load');
    hooks.onCheckpointMissed('a', 'input x changed');
  });
  expect(lines).toContain('warning a checkpoint does not load');
  expect(lines).toContain('checkpoint-missed a: input x changed');
});
