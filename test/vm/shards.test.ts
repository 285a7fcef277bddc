import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { BUILT_BIN, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

const PROJECT = `
name: shop
shards: 2
steps:
  - { name: prepare, run: "echo prepared > /tmp/ready" }
  - { name: unit, run: "echo part $GONDOLIN_SHARD_INDEX/$GONDOLIN_SHARD_COUNT", needs: [prepare], in_every_shard: true }
  - { name: lint, run: "cat /tmp/ready; exit 7", needs: [prepare] }
`;

interface Workflow {
  readonly jobs: Record<
    string,
    { readonly steps: readonly { readonly name?: string; readonly run?: string }[] }
  >;
}

/** Runs a script as GitHub's runner does; gives its exit code and output. */
function runScript(script: string, cwd: string, env: Record<string, string>) {
  return new Promise<{ code: number; output: string }>((done) => {
    const options = { cwd, env: { ...process.env, CI: '1', NO_COLOR: '1', ...env } };
    execFile('bash', ['-e', '-c', script], options, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}

it('the scripts of export github run as they are: two shards, and one result with the code of the failing one', async () => {
  const cwd = join(temporaryDirectory(), 'shop');
  const bin = join(temporaryDirectory(), 'bin');
  for (const directory of [cwd, bin]) mkdirSync(directory);
  writeFileSync(join(cwd, 'gondolin.yaml'), PROJECT);
  writeFileSync(
    join(bin, 'gondolin'),
    `#!/bin/sh\nexec "${process.execPath}" "${BUILT_BIN}" "$@"\n`,
    {
      mode: 0o755,
    },
  );
  const exported = await runBuiltCli(['export', 'github'], { cwd });
  expect(exported.code, exported.stderr).toBe(0);
  const { jobs } = parse(exported.stdout) as Workflow;
  const script = (job: string, words: string) =>
    jobs[job]?.steps.find(({ run }) => run?.includes(words))?.run ?? '';
  const env = { PATH: `${bin}:${process.env['PATH']}` };
  const shard = (index: string) =>
    runScript(script('shard', 'gondolin run'), cwd, { ...env, SHARD: index });
  const first = await shard('1');
  const second = await shard('2');
  expect([first.code, second.code], first.output + second.output).toEqual([7, 0]);
  expect(first.output).toContain('part 1/2');
  expect(second.output).toContain('part 2/2');
  const merged = await runScript(script('result', 'gondolin merge'), cwd, env);
  expect(merged.code, merged.output).toBe(7);
  const junit = readFileSync(join(cwd, 'junit.xml'), 'utf8');
  expect(junit).toContain('<testsuites name="shop" tests="5" failures="1" errors="0" skipped="0"');
  expect(junit.match(/<testcase name="[^"]*" classname="[^"]*"/g)).toEqual([
    '<testcase name="prepare" classname="shop (shard 1)"',
    '<testcase name="unit" classname="shop (shard 1)"',
    '<testcase name="lint" classname="shop (shard 1)"',
    '<testcase name="prepare" classname="shop (shard 2)"',
    '<testcase name="unit" classname="shop (shard 2)"',
  ]);
  expect(readFileSync(join(cwd, 'report.html'), 'utf8')).toContain('exit 7');
});
