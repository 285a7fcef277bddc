import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import type { Plan } from '../../../../src/plan/plan.ts';
import { planForShard } from '../../../../src/plan/shard/plan-for-shard.ts';
import { type ShardList, splitPlan } from '../../../../src/plan/shard/split-plan.ts';
import { mostShards, type ShardUnit, unitsOf } from '../../../../src/plan/shard/units.ts';
import { readText } from '../../../fixtures/project-text.ts';

const FACTS = { arch: 'x86_64', release: 'trixie' } as const;
const planOf = (text: string) => buildPlan(readText(text), FACTS);

/** What each shard does, as `sandbox` or `sandbox: step step`. */
function shown({ shards }: ShardList): string[][] {
  return shards.map(({ work }) =>
    work.map(({ sandbox, steps, part }) => {
      const which = part.count > 1 ? ` ${part.index}/${part.count}` : '';
      return steps === null ? sandbox : `${sandbox}${which}: ${steps.join(' ')}`;
    }),
  );
}

const FOUR = `
sandboxes:
  a: { steps: [{ name: s, run: x }] }
  b: { steps: [{ name: s, run: x }] }
  c: { steps: [{ name: s, run: x }] }
  d: { steps: [{ name: s, run: x }] }
`;

const SPLIT = `
sandboxes:
  t:
    shards: 2
    steps:
      - { name: install, run: x }
      - { name: lint, run: x, needs: [install] }
      - { name: unit, run: x, needs: [install] }
      - { name: types, run: x, needs: [install] }
      - { name: logs, run: x, when: always }
`;

describe('splitPlan()', () => {
  it('splits by name when no durations are known', () => {
    expect(shown(splitPlan(planOf(FOUR), 2))).toEqual([
      ['a', 'c'],
      ['b', 'd'],
    ]);
  });

  it('balances the durations of an earlier run, and takes the mean for what is new', () => {
    const took = (name: string, durationMs: number) => ({
      name,
      steps: [{ name: 's', durationMs }],
    });
    const durations = { sandboxes: [took('a', 10), took('b', 60), took('d', 20)] };
    expect(shown(splitPlan(planOf(FOUR), 2, durations))).toEqual([['b'], ['a', 'c', 'd']]);
  });

  it('splits the steps that no other needs, and gives each shard what its steps need', () => {
    const list = splitPlan(planOf(SPLIT), 4);
    expect(shown(list)).toEqual([['t 1/2: lint unit logs'], ['t 2/2: types logs'], [], []]);
    const [sandbox] = planForShard(
      planOf(SPLIT),
      list.shards[1] ?? { index: 2, work: [] },
    ).sandboxes;
    expect(sandbox?.steps.map(({ name }) => name)).toEqual(['install', 'types', 'logs']);
  });

  it('runs a step with in_every_shard in every shard of its sandbox, with its part, and others as a whole', () => {
    const text = `
shards: 3
steps:
  - { name: install, run: x }
  - { name: test, run: x, needs: [install], in_every_shard: true }
  - { name: lint, run: x }
`;
    const plan = planOf(text);
    const { shards } = splitPlan(plan, 2);
    const parts = shards.map((shard) =>
      planForShard(plan, shard).sandboxes.flatMap(({ steps }) =>
        steps.map(({ name, env }) => [
          name,
          `${env['GONDOLIN_SHARD_INDEX']}/${env['GONDOLIN_SHARD_COUNT']}`,
        ]),
      ),
    );
    expect(parts).toEqual([
      [
        ['install', '1/1'],
        ['test', '1/2'],
        ['lint', '1/1'],
      ],
      [
        ['install', '1/1'],
        ['test', '2/2'],
      ],
    ]);
  });

  it('tells the steps of a whole run that they do all of the work', () => {
    const steps = planOf('shards: 3\nsteps: [{ run: x, in_every_shard: true }]\n').sandboxes[0]
      ?.steps;
    expect(steps?.[0]?.env).toEqual({ GONDOLIN_SHARD_INDEX: '1', GONDOLIN_SHARD_COUNT: '1' });
    expect(planOf('steps: [x]\n').sandboxes[0]?.steps[0]?.env).toEqual({});
  });

  it('makes no shard of what others depend on, and runs it in each shard that needs it', () => {
    const plan = planOf(`
sandboxes:
  db: { run: serve }
  a: { depends_on: [db], steps: [x] }
  b: { depends_on: [db], steps: [x] }
  spare: { run: serve }
`);
    const { shards } = splitPlan(plan, 3);
    const names = shards.map((shard) =>
      planForShard(plan, shard).sandboxes.map(({ name }) => name),
    );
    // A service that nothing needs runs beside other work.
    expect(names).toEqual([['db', 'a', 'spare'], ['db', 'b'], []]);
    expect(mostShards(plan)).toBe(2);
  });

  it('splits services when there is nothing else', () => {
    const plan = planOf('sandboxes: { a: { run: x }, b: { run: x } }\n');
    expect(shown(splitPlan(plan, 2))).toEqual([['a'], ['b']]);
  });

  it('has a digest that changes with the split only', () => {
    const digest = (text: string, count: number) => splitPlan(planOf(text), count).digest;
    expect(digest(FOUR, 2)).toBe(digest(FOUR.replaceAll('run: x', 'run: y'), 2));
    expect(digest(FOUR, 2)).not.toBe(digest(FOUR, 3));
  });
});

/** A project with sandboxes that depend on earlier ones, some of them split, with steps that need earlier ones. */
const project = fc
  .array(
    fc.record({
      shards: fc.integer({ min: 1, max: 5 }),
      isService: fc.boolean(),
      dependsOn: fc.option(fc.nat(5), { nil: undefined }),
      steps: fc.array(
        fc.record({
          need: fc.option(fc.nat(5), { nil: undefined }),
          isEvery: fc.boolean(),
          when: fc.constantFrom('on_success', 'always', 'on_failure'),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((sandboxes): Plan => {
    const entries = sandboxes.map(({ shards, isService, dependsOn, steps }, at) => [
      `s${at}`,
      {
        ...(isService ? { run: 'x' } : { shards }),
        ...(dependsOn !== undefined && dependsOn < at ? { depends_on: [`s${dependsOn}`] } : {}),
        steps: steps.map(({ need, isEvery, when }, stepAt) => ({
          name: `t${stepAt}`,
          run: 'x',
          when,
          in_every_shard: isEvery,
          ...(need !== undefined && need < stepAt ? { needs: [`t${need}`] } : {}),
        })),
      },
    ]);
    return planOf(JSON.stringify({ sandboxes: Object.fromEntries(entries) }));
  });

const durationsOf = (plan: Plan, known: readonly number[]) => ({
  sandboxes: plan.sandboxes.map(({ name, steps }, at) => ({
    name,
    steps: steps.map((step, stepAt) => ({
      name: step.name,
      durationMs: known[(at * 7 + stepAt) % known.length] ?? 0,
    })),
  })),
});

function checkUnit(unit: ShardUnit, shards: ShardList['shards'], count: number): void {
  const { name } = unit.sandbox;
  const own = shards.flatMap(({ work }) => work.filter(({ sandbox }) => sandbox === name));
  if (unit.kind === 'sandbox') {
    expect(own.map(({ steps }) => steps)).toEqual([null]);
    return;
  }
  expect(own.length).toBeLessThanOrEqual(Math.min(count, unit.sandbox.shards));
  const parts = own.map(({ part }) => part);
  expect(parts).toEqual(own.map((_, at) => ({ index: at + 1, count: own.length })));
  const timesOf = (step: string) =>
    own.filter(({ steps }) => steps?.includes(step) === true).length;
  if (unit.kind === 'step') expect(timesOf(unit.step.name)).toBe(1);
  else for (const step of unit.steps) expect(timesOf(step.name)).toBe(own.length);
}

describe('the shards of any project', () => {
  const given = [
    project,
    fc.integer({ min: 1, max: 9 }),
    fc.array(fc.nat(100_000), { minLength: 1, maxLength: 20 }),
  ] as const;

  it('run each unit exactly once together, and the parts of a sandbox are all there', () => {
    fc.assert(
      fc.property(...given, (plan, count, known) => {
        const { shards } = splitPlan(plan, count, durationsOf(plan, known));
        expect(shards.map(({ index }) => index)).toEqual(shards.map((_, at) => at + 1));
        expect(shards).toHaveLength(count);
        for (const unit of unitsOf(plan).units) checkUnit(unit, shards, count);
      }),
    );
  });

  it('run with all that they need, and leave no sandbox out', () => {
    fc.assert(
      fc.property(...given, (plan, count, known) => {
        const { shards } = splitPlan(plan, count, durationsOf(plan, known));
        const plans = shards.map((shard) => planForShard(plan, shard));
        for (const part of plans) {
          const names = part.sandboxes.map(({ name }) => name);
          for (const { dependsOn, steps } of part.sandboxes) {
            expect(names).toEqual(expect.arrayContaining(dependsOn.map(({ name }) => name)));
            const own = steps.map(({ name }) => name);
            expect(own).toEqual(expect.arrayContaining(steps.flatMap(({ needs }) => needs)));
          }
        }
        const ran = new Set(plans.flatMap(({ sandboxes }) => sandboxes.map(({ name }) => name)));
        expect([...ran].toSorted()).toEqual(plan.sandboxes.map(({ name }) => name).toSorted());
        const steps = new Set(
          plans.flatMap(({ sandboxes }) =>
            sandboxes.flatMap((sandbox) =>
              sandbox.steps.map((step) => `${sandbox.name} ${step.name}`),
            ),
          ),
        );
        const all = plan.sandboxes.flatMap((sandbox) =>
          sandbox.steps.map((step) => `${sandbox.name} ${step.name}`),
        );
        expect([...steps].toSorted()).toEqual(all.toSorted());
      }),
    );
  });

  it('are the same for the same plan, and none is empty while there is enough to do', () => {
    fc.assert(
      fc.property(...given, (plan, count, known) => {
        const durations = durationsOf(plan, known);
        expect(splitPlan(plan, count, durations)).toEqual(
          splitPlan(structuredClone(plan), count, structuredClone(durations)),
        );
        const most = mostShards(plan);
        const { shards } = splitPlan(plan, most);
        expect(shards.filter(({ work }) => work.length === 0)).toEqual([]);
        expect(splitPlan(plan, most + 1).shards.at(-1)?.work).toEqual([]);
      }),
    );
  });
});
