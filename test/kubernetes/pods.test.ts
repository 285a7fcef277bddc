import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { type InstalledPackage, installPackage } from '../fixtures/package/install-package.ts';
import { PodmanPods, type PodTemplate } from '../fixtures/podman-pods.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

const IMAGE = 'localhost/gondolin-test:1';
const CLAIM = 'gondolin-test-claim';
const SECRET = 'gondolin-test-secret';
const VALUE = 'value-of-the-token-4711';

const THREE = `
name: shop
matrix: { cell: [1, 2, 3] }
secrets: [TOKEN@api.github.com]
steps:
  - name: check
    run: 'echo cell \${matrix.cell} has $$TOKEN; [ \${matrix.cell} != 2 ] || exit 9'
`;

let pods: PodmanPods;
let installed: InstalledPackage;

beforeAll(async () => {
  installed = await installPackage();
  pods = new PodmanPods();
}, 600_000);

afterAll(() => {
  pods?.remove();
  installed?.remove();
}, 60_000);

/** The Pods of the Job that `gondolin export kubernetes` writes, as their controller would make them. */
async function exported(cwd: string): Promise<{ template: PodTemplate; count: number }> {
  const names = ['--claim', CLAIM, '--secret', SECRET];
  const { code, stdout, stderr } = await runBuiltCli(
    ['export', 'kubernetes', '--image', IMAGE, '--no-kvm', ...names],
    { cwd, env: { TOKEN: VALUE } },
  );
  expect(code, stderr).toBe(0);
  const job = parseAllDocuments(stdout)
    .map((document) => document.toJS())
    .find(({ kind }) => kind === 'Job');
  return { template: job.spec.template, count: job.spec.completions };
}

it('each Pod of gondolin export kubernetes runs its shard, and gondolin merge makes one result of them', async () => {
  const cwd = join(temporaryDirectory(), 'shop');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'gondolin.yaml'), THREE);
  pods.makeImage(IMAGE, installed.prefix, cwd);
  const claim = pods.makeClaim();
  pods.makeSecret(SECRET, { TOKEN: VALUE });
  const { template, count } = await exported(cwd);
  expect(count).toBe(3);

  const ends = [0, 1, 2].map((index) => pods.run('gondolin-shop-x', template, index, claim));
  const outputs = ends.map(({ output }) => output);
  expect(
    ends.map(({ exitCode }) => exitCode),
    outputs.join('\n'),
  ).toEqual([0, 9, 0]);
  for (const [index, output] of outputs.entries()) {
    expect(output).toContain(`cell ${index + 1} has `);
    expect(output).not.toContain(VALUE);
  }

  const results = join(claim, 'results/gondolin-shop-x');
  const records = readdirSync(results).toSorted();
  expect(records).toEqual(['shard-1.json', 'shard-2.json', 'shard-3.json']);
  const files = records.map((name) => join(results, name));
  expect(files.map((path) => readFileSync(path, 'utf8')).join('')).not.toContain(VALUE);
  const merged = await runBuiltCli(['merge', ...files, '--junit', 'junit.xml'], { cwd });
  expect(merged.code, merged.stderr).toBe(9);
  const junit = readFileSync(join(cwd, 'junit.xml'), 'utf8');
  expect(junit).toContain('tests="3" failures="1" errors="0" skipped="0"');
});
