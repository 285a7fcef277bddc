import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { WatchCli } from '../fixtures/cli/watch-cli.ts';
import { copyOfExample, succeed } from '../fixtures/package/example.ts';
import { type InstalledPackage, installPackage } from '../fixtures/package/install-package.ts';

let installed: InstalledPackage;

beforeAll(async () => {
  installed = await installPackage();
});

afterAll(() => installed.remove(), 60_000);

it.each(['matrix', 'node-project'])('examples/%s runs with the installed program', async (name) => {
  await succeed(installed, copyOfExample(installed, name), 'gondolin', 'run');
});

it('examples/postgres answers from its restored server, and loads a changed seed.sql anew', async () => {
  const cwd = copyOfExample(installed, 'postgres');
  const run = () => succeed(installed, cwd, 'gondolin', 'run', '--progress', 'plain');
  const first = await run();
  expect(first).toMatch(/^=> db database: saved in /m);
  const second = await run();
  expect(second).toContain('=> db database: cached');
  for (const text of [first, second]) expect(text).toContain('[db query]  paid   |   200');
  appendFileSync(join(cwd, 'seed.sql'), 'UPDATE orders SET cents = 1 WHERE id = 100000;\n');
  const third = await run();
  expect(third).toContain('=> db database: not cached: input seed.sql changed');
  expect(third).toContain('[db query]  paid   |     1');
}, 600_000);

it('examples/webapp answers its tests, and starts from the database of the run before', async () => {
  const cwd = copyOfExample(installed, 'webapp');
  const run = () => succeed(installed, cwd, 'gondolin', 'run', 'test', '--progress', 'plain');
  expect(await run()).toMatch(/^=> db database: saved in /m);
  const second = await run();
  expect(second).toContain('=> db database: cached');
  expect(second).toContain('=> api start: cached');
  expect(second).toMatch(/\[test test\] # pass 5$/m);
  // Without KVM on a busy machine each start of Node takes half a minute.
}, 900_000);

it('gondolin up --watch in examples/webapp runs only the tests again when one is edited', async () => {
  const cwd = copyOfExample(installed, 'webapp');
  const watch = new WatchCli(cwd, [], 600_000, ['up', '--watch']);
  onTestFinished(() => watch.kill());
  await watch.ended(1);
  expect(watch.lastOutput()).toMatch(/^# pass 5$/m);
  await watch.prepared();
  const from = watch.events.length;
  appendFileSync(
    join(cwd, 'test/orders.test.js'),
    "test('a sixth', async () => assert.equal((await get('/orders'))[0], 200));\n",
  );
  await watch.ended(2);
  expect(watch.lastOutput()).toMatch(/^# pass 6$/m);
  const after = watch.events.slice(from);
  const ofServices = after.filter((event) => 'sandbox' in event && event.sandbox !== 'test');
  // The servers may say something, and nothing happens to them.
  expect(new Set(ofServices.map(({ type }) => type))).toEqual(
    new Set(ofServices.length === 0 ? [] : ['service-output']),
  );
  expect(after.filter(({ type }) => type === 'run-started')).toHaveLength(1);
  expect(watch.all('change-detected')).toMatchObject([
    { sandbox: 'test', action: 'rerun', from: 'test', paths: ['test/orders.test.js'] },
  ]);
  expect(await watch.interrupt()).toBe(130);
}, 1_200_000);

it('examples/monorepo does all its work once in two shards, and its end-to-end tests in both', async () => {
  const cwd = copyOfExample(installed, 'monorepo');
  const outputs: string[] = [];
  for (const shard of ['1', '2']) {
    const args = ['run', '--shard', `${shard}/2`, '--record', `${shard}.json`];
    outputs.push(await succeed(installed, cwd, 'gondolin', ...args, '--progress', 'plain'));
  }
  const all = outputs.join('');
  for (const name of ['unit-cart unit', 'unit-price unit', 'unit-stock unit', 'checks syntax']) {
    expect(all.match(new RegExp(`^=> ${name}: succeeded`, 'gm')), all).toHaveLength(1);
  }
  expect(outputs[0]).toContain('e2e buy.e2e.mjs: passed (part 1 of 2)');
  expect(outputs[1]).toContain('e2e sold-out.e2e.mjs: passed (part 2 of 2)');
  const merged = await succeed(installed, cwd, 'gondolin', 'merge', '1.json', '2.json');
  expect(merged).toContain('=> succeeded');
});

/** The scripts of a CI system: one run for each shard, and the merge of both. */
interface Recipe {
  /** Variables that the system sets, up to the number of the shard. */
  readonly variables: string;
  readonly shard: string;
  readonly result: string;
}

function githubRecipe(cwd: string): Recipe {
  const { jobs } = parse(readFileSync(join(cwd, '.github/workflows/gondolin.yml'), 'utf8'));
  const script = (job: string) =>
    (jobs[job].steps as { run?: string }[])
      .map(({ run = '' }) => run)
      .find((run) => /^gondolin (?:run|merge)/m.test(run)) ?? 'false';
  return { variables: 'SHARD=', shard: script('shard'), result: script('result') };
}

function gitlabRecipe(cwd: string): Recipe {
  const { gondolin, result } = parse(readFileSync(join(cwd, '.gitlab-ci.yml'), 'utf8'));
  return {
    variables: 'CI_NODE_TOTAL=2 CI_NODE_INDEX=',
    shard: gondolin.script.join('\n'),
    result: result.script.join('\n'),
  };
}

function jenkinsRecipe(cwd: string): Recipe {
  const text = readFileSync(join(cwd, 'Jenkinsfile'), 'utf8');
  const [shard = 'false', result = 'false'] = [...text.matchAll(/sh '''(.*?)'''/gs)].map(
    ([, script = 'false']) => script,
  );
  return { variables: 'SHARD=', shard, result };
}

it.each([
  ['GitHub Actions', githubRecipe],
  ['GitLab', gitlabRecipe],
  ['Jenkins', jenkinsRecipe],
])('the scripts of examples/ci for %s run as they are', async (_system, recipeOf) => {
  const cwd = copyOfExample(installed, 'ci');
  const { variables, shard, result } = recipeOf(cwd);
  const sh = (script: string) => succeed(installed, cwd, 'bash', '-e', '-c', script);
  for (const index of ['1', '2']) await sh(`export ${variables}${index}\n${shard}`);
  expect(await sh(result)).toContain('=> succeeded');
  const junit = readFileSync(join(cwd, 'junit.xml'), 'utf8');
  expect(junit).toContain('tests="3" failures="0" errors="0"');
});
