import { expect, it } from 'vitest';
import { checkMemoryOf } from '../../../../src/project/check-memory.ts';
import { runPlan } from '../../../../src/project/run-plan.ts';
import { type Slot, StartSlots } from '../../../../src/project/service/start-slots.ts';
import { fakeVms, obey, plan, recorder, sandbox, step } from '../fake-vm.ts';

const MIB = 2 ** 20;

/** Asks for slots in order; `started` has the names of those that got one, `said` the waits for memory. */
function ask(slots: StartSlots, wanted: Readonly<Record<string, number>>) {
  const started = new Map<string, Slot>();
  const said: string[] = [];
  for (const [name, memoryBytes] of Object.entries(wanted)) {
    const onMemoryWait = (freeBytes: number) => said.push(`${name} ${freeBytes}`);
    void slots.take({ memoryBytes, onMemoryWait }).then((slot) => started.set(name, slot));
  }
  return { started, said, names: () => [...started.keys()] };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('as many start as memory is for, one that fits passes one that does not, and a release lets the next start', async () => {
  const { started, said, names } = ask(new StartSlots({ maxParallel: 9, memoryBytes: 10 }), {
    a: 6,
    b: 6,
    c: 4,
    d: 1,
  });
  await settled();
  expect(names()).toEqual(['a', 'c']);
  expect(said).toEqual(['b 4', 'd 0']);
  started.get('c')?.release();
  await settled();
  expect(names()).toEqual(['a', 'c', 'd']);
  started.get('a')?.release();
  started.get('a')?.release();
  await settled();
  expect(names()).toEqual(['a', 'c', 'd', 'b']);
  expect(started.get('b')?.isOverCommitted).toBe(false);
});

it('a service that is up gives its place away and keeps its memory', async () => {
  const { started, said, names } = ask(new StartSlots({ maxParallel: 1, memoryBytes: 10 }), {
    db: 8,
    test: 8,
    other: 2,
  });
  await settled();
  expect([names(), said]).toEqual([['db'], []]);
  started.get('db')?.leave();
  await settled();
  expect(names()).toEqual(['db', 'other']);
});

it('one starts in any case when only services are up: they wait for it', async () => {
  const { started, names } = ask(new StartSlots({ maxParallel: 2, memoryBytes: 10 }), {
    db: 8,
    test: 8,
  });
  await settled();
  started.get('db')?.leave();
  await settled();
  expect(names()).toEqual(['db', 'test']);
  expect(started.get('test')?.isOverCommitted).toBe(true);
});

it('a run says which sandbox waits for memory, and runs it when there is some', async () => {
  const { createVm } = fakeVms(obey);
  const { onEvent, lines } = recorder();
  const boxes = ['a', 'b'].map((name) => sandbox(name, [step('s', 'true')]));
  const limits = { maxParallel: 2, memoryBytes: 700 * MIB };
  const result = await runPlan(plan(...boxes), { createVm, onEvent, ...limits });
  expect(result.exitCode).toBe(0);
  expect(lines()).toContain(`memory-waiting b ${188 * MIB}`);
  expect(lines().indexOf('sandbox-finished a succeeded 0')).toBeLessThan(
    lines().lastIndexOf('vm-starting'),
  );
});

it('checkMemoryOf() refuses a sandbox that is larger than the machine', () => {
  const small = plan(sandbox('box', []));
  expect(() => checkMemoryOf(small, 1024 * MIB)).not.toThrow();
  const refused = expect.objectContaining({ code: 'VM_NO_MEMORY' });
  expect(() => checkMemoryOf(small, 600 * MIB)).toThrow(refused);
});
