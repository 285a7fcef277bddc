import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';

const PROJECT = `
sandboxes:
  db: { run: serve }
  test: { depends_on: [db], matrix: { v: [a, b] }, steps: [{ name: go, run: x }] }
`;

it('gondolin plan --shard shows what a shard runs, with what it depends on, by the durations given', async () => {
  const cwd = directoryWith(PROJECT);
  const slow = { name: 'test-b', steps: [{ name: 'go', durationMs: 9000 }] };
  const quick = { name: 'test-a', steps: [{ name: 'go', durationMs: 1 }] };
  writeFileSync(join(cwd, 'last.json'), JSON.stringify({ run: { sandboxes: [quick, slow] } }));
  const names = async (...args: string[]) => {
    const { stdout } = await runCli(['plan', '--format', 'json', ...args], { cwd });
    const { sandboxes } = JSON.parse(stdout) as { sandboxes: { name: string }[] };
    return sandboxes.map(({ name }) => name);
  };
  expect(await names('--shard', '1/2')).toEqual(['db', 'test-a']);
  expect(await names('--shard', '1/2', '--durations', 'last.json')).toEqual(['db', 'test-b']);
});
