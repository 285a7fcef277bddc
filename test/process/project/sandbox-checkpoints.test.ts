import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Plan, SandboxPlan, StepPlan } from '../../../src/plan/plan.ts';
import { SandboxCheckpoints } from '../../../src/project/checkpoint/sandbox-checkpoints.ts';
import type { StepResult } from '../../../src/project/run-result.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { plan, sandbox, step } from '../../unit/project/fake-vm.ts';

const FACTS = { image: 'i', machine: 'm' };

function result(name: string, status: StepResult['status'] = 'succeeded'): StepResult {
  const rest = {
    signal: null,
    isOutOfMemory: false,
    attempts: 1,
    reason: null,
    isIgnored: false,
    isCached: false,
  };
  return { name, status, exitCode: 0, durationMs: 3, error: null, ...rest };
}

/** A project of three steps, the first and the last with a checkpoint and an input each. */
function project() {
  const directory = temporaryDirectory();
  const cacheDirectory = join(directory, 'cache');
  const input = (pattern: string) => {
    writeFileSync(join(directory, pattern), pattern);
    return { pattern, directory, at: { file: 'gondolin.yaml', line: 1, col: 1 } };
  };
  const steps: StepPlan[] = [
    step('install', 'a', { checkpoint: true, inputs: [input('lock')] }),
    step('between', 'b'),
    step('build', 'c', { checkpoint: true, inputs: [input('src')] }),
    step('test', 'd'),
  ];
  const warnings: string[] = [];
  const box = sandbox('box', steps);
  const whole: Plan = { ...plan(box), directory };
  const open = (one: SandboxPlan = box, facts = FACTS) =>
    SandboxCheckpoints.open({
      plan: whole,
      sandbox: one,
      facts,
      cacheDirectory,
      onDamaged: (message) => warnings.push(message),
    });
  return { directory, cacheDirectory, open, box, warnings };
}

const save = async (machine: string) => writeFileSync(join(machine, 'ram'), 'ram');
const RESULTS = ['install', 'between', 'build'].map((name) => result(name));

async function runAll(checkpoints: SandboxCheckpoints) {
  return [
    await checkpoints.save(0, { results: RESULTS.slice(0, 1), outputs: [] }, save, false),
    await checkpoints.save(
      2,
      { results: RESULTS, outputs: [{}, { version: '1.2' }, {}] },
      save,
      false,
    ),
  ].map(({ kind }) => kind);
}

it('find() returns the checkpoint after the most unchanged first steps', async () => {
  const { directory, open } = project();
  const first = await open();
  expect(await first.find()).toBeNull();
  expect(await first.states()).toEqual([
    { isCached: false, reason: 'no checkpoint yet' },
    null,
    { isCached: false, reason: 'no checkpoint yet' },
    null,
  ]);
  expect(await runAll(first)).toEqual(['saved', 'saved']);
  const second = await open();
  expect((await second.find())?.steps.map(({ outputs }) => outputs)).toEqual([
    {},
    { version: '1.2' },
    {},
  ]);
  expect((await second.states()).map((state) => state?.isCached)).toEqual([
    true,
    true,
    true,
    undefined,
  ]);
  writeFileSync(join(directory, 'src'), 'changed');
  const third = await open();
  expect((await third.find())?.steps).toHaveLength(1);
  expect(await third.states()).toEqual([
    { isCached: true },
    null,
    { isCached: false, reason: 'input src changed' },
    null,
  ]);
  writeFileSync(join(directory, 'lock'), 'changed');
  const fourth = await open();
  expect(await fourth.find()).toBeNull();
  expect(fourth.explain(2)).toBe('step install: input lock changed');
  writeFileSync(join(directory, 'lock'), 'lock');
  writeFileSync(join(directory, 'src'), 'src');
  expect((await (await open()).find())?.steps).toHaveLength(3);
});

it('the next run is compared with the restored checkpoint', async () => {
  const { directory, open } = project();
  await runAll(await open());
  writeFileSync(join(directory, 'src'), 'other branch');
  await runAll(await open());
  writeFileSync(join(directory, 'src'), 'src');
  const back = await open();
  const found = await back.find();
  if (found === null) throw new Error('not found');
  await back.use(found);
  writeFileSync(join(directory, 'lock'), 'new');
  expect((await open()).explain(2)).toBe('step install: input lock changed');
});

it('another image or machine restores nothing and is named as the reason', async () => {
  const { open, box } = project();
  await runAll(await open());
  const other = await open(box, { image: 'i2', machine: 'm2' });
  expect(await other.find()).toBeNull();
  expect(other.explain(0)).toBe('image changed (and 1 more)');
});

it('save() saves nothing after a failed step, ignored or not', async () => {
  const { open, cacheDirectory } = project();
  const checkpoints = await open();
  const failed = [result('install'), result('between', 'failed'), result('build')];
  expect(await checkpoints.save(2, { results: failed, outputs: [] }, save, false)).toEqual({
    kind: 'skipped',
    reason: 'step between failed',
  });
  expect(existsSync(join(cacheDirectory, 'checkpoints'))).toBe(false);
});

it('save() saves nothing when an input changed while the steps ran', async () => {
  const { directory, open } = project();
  const checkpoints = await open();
  writeFileSync(join(directory, 'src'), 'changed meanwhile');
  expect(
    await checkpoints.save(0, { results: RESULTS.slice(0, 1), outputs: [] }, save, false),
  ).toMatchObject({
    kind: 'saved',
  });
  expect(
    await checkpoints.save(
      2,
      { results: RESULTS, outputs: [{}, { version: '1.2' }, {}] },
      save,
      false,
    ),
  ).toEqual({
    kind: 'skipped',
    reason: 'input src changed while the steps ran',
  });
});

it('a damaged checkpoint is removed with one line, and a shorter one is found', async () => {
  const { open, cacheDirectory, warnings } = project();
  await runAll(await open());
  const store = join(cacheDirectory, 'checkpoints');
  const longest = (await (await open()).find())?.key ?? '';
  truncateSync(join(store, longest, 'checkpoint.json'), 3);
  expect((await (await open()).find())?.steps).toHaveLength(1);
  expect(warnings).toEqual([expect.stringMatching(/^a checkpoint did not load and was removed: /)]);
  expect(readdirSync(store)).not.toContain(longest);
});

it('an input that was removed is an error before anything starts', async () => {
  const { directory, open } = project();
  rmSync(join(directory, 'lock'));
  await expect(open()).rejects.toMatchObject({ code: 'PROJECT_INPUT_MISSING' });
  mkdirSync(join(directory, 'lock'));
  expect(await (await open()).find()).toBeNull();
});
