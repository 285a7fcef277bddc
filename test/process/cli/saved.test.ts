import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';

const KEY = 'a'.repeat(64);

/** A project whose cache and state hold a template, a checkpoint and a snapshot of two blocks each. */
function withSaved(): string {
  const cwd = directoryWith('steps: [ls]\n');
  const at = (...parts: string[]) => {
    const directory = join(cwd, ...parts);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'ram'), Buffer.alloc(8192, 1));
    utimesSync(directory, 1, 1);
    return directory;
  };
  at('cache/gondolin/templates', KEY);
  const steps = [{ status: 'succeeded', exitCode: 0, durationMs: 1, reason: null }];
  const facts = { version: 1, key: KEY, project: 'shop', sandbox: 'test', step: 'install' };
  const checkpoint = at('cache/gondolin/checkpoints', KEY);
  writeFileSync(
    join(checkpoint, 'checkpoint.json'),
    JSON.stringify({ ...facts, createdAtMs: 1, steps }),
  );
  utimesSync(checkpoint, 1, 1);
  at('state/gondolin/snapshots', 'mine');
  return cwd;
}

async function kindsOf(cwd: string): Promise<string[]> {
  const { stdout } = await runCli(['images', '--format', 'json'], { cwd });
  const entries = JSON.parse(stdout) as { kind: string; sizeBytes: number }[];
  for (const { sizeBytes } of entries) expect(sizeBytes).toBeGreaterThanOrEqual(8192);
  return entries.map(({ kind }) => kind).toSorted();
}

it('gondolin images lists templates, checkpoints and snapshots with their size on disk', async () => {
  const cwd = withSaved();
  expect(await kindsOf(cwd)).toEqual(['checkpoint', 'snapshot', 'template']);
  const { stdout } = await runCli(['images'], { cwd });
  expect(stdout).toMatch(/^a{12} +checkpoint +shop test: install /m);
  expect(stdout).toMatch(/^mine +snapshot +\(damaged\) /m);
  expect(stdout).toMatch(/checkpoints [\d.]+ KiB/);
});

it('gondolin images fits 80 columns, whatever the names, and shows the image of a template', async () => {
  const cwd = withSaved();
  const template = join(cwd, 'cache/gondolin/templates', KEY, 'template.json');
  const image = `debian bookworm + ${'nodejs, '.repeat(40)}`;
  writeFileSync(template, JSON.stringify({ image, memoryBytes: 1 }));
  mkdirSync(join(cwd, 'state/gondolin/snapshots', 's'.repeat(63)));
  const { stdout } = await runCli(['images'], { cwd });
  expect(stdout).toMatch(/^a{12} +template +debian bookworm \+ nod\S*… /m);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

it('gondolin df totals disk use by kind and by project', async () => {
  const cwd = withSaved();
  const { stdout } = await runCli(['df', '--format', 'json'], { cwd });
  const use = JSON.parse(stdout);
  expect(
    use.kinds.map(({ kind, count }: { kind: string; count: number }) => [kind, count]),
  ).toEqual([
    ['images', 0],
    ['tagged', 0],
    ['templates', 1],
    ['checkpoints', 1],
    ['snapshots', 1],
  ]);
  expect(use.projects).toEqual(
    expect.arrayContaining([expect.objectContaining({ project: 'shop', count: 1 })]),
  );
  const sum = use.kinds.reduce((all: number, one: { diskBytes: number }) => all + one.diskBytes, 0);
  expect(use.usedBytes).toBe(sum);
  expect(use.usedBytes).toBeGreaterThanOrEqual(3 * 8192);
  const text = (await runCli(['df'], { cwd, env: { GONDOLIN_CACHE_LIMIT: '3GiB' } })).stdout;
  expect(text).toMatch(/^checkpoints +1 +[\d.]+ KiB$/m);
  expect(text).toMatch(/^shop +1 +[\d.]+ KiB$/m);
  expect(text).toContain('limit 3 GiB');
});

it('gondolin prune also removes what exceeds the limit', async () => {
  const cwd = withSaved();
  const env = { GONDOLIN_CACHE_LIMIT: '0.01MiB' };
  const { stdout } = await runCli(['prune', '--older-than', '9999w'], { cwd, env });
  expect(stdout).toMatch(/deleted, over the limit: (template|checkpoint) a{12}, /);
  expect(await kindsOf(cwd)).toEqual(['snapshot']);
});

it('gondolin df exits 2 for a limit that is not a size', async () => {
  const env = { GONDOLIN_CACHE_LIMIT: 'much' };
  const { code, stderr } = await runCli(['df', '--format', 'json'], { cwd: withSaved(), env });
  expect(code).toBe(2);
  expect(JSON.parse(stderr)).toMatchObject({ code: 'HOST_CACHE_LIMIT_INVALID' });
});

it.each([
  [['--checkpoints'], ['snapshot', 'template']],
  [['--templates'], ['checkpoint', 'snapshot']],
  [
    ['--images', '--all'],
    ['checkpoint', 'snapshot', 'template'],
  ],
  [
    ['--checkpoints', '--dry-run'],
    ['checkpoint', 'snapshot', 'template'],
  ],
  [[], ['snapshot']],
  [
    ['--older-than', '9999w'],
    ['checkpoint', 'snapshot', 'template'],
  ],
])('gondolin prune %j leaves %j', async (args, left) => {
  const cwd = withSaved();
  expect((await runCli(['prune', ...args], { cwd })).code).toBe(0);
  expect(await kindsOf(cwd)).toEqual(left);
});

describe('gondolin snapshot', () => {
  it.each([
    [['x'], 'SESSION_NOT_FOUND'],
    [['x', 'box'], 'SESSION_NOT_FOUND'],
    [['../x'], 'SNAPSHOT_NAME_INVALID'],
    [['--delete', 'none'], 'SNAPSHOT_NOT_FOUND'],
    [[], 'CLI_USAGE'],
    [['x', 'box', 'more'], 'CLI_USAGE'],
  ])('%j exits 2 with %s', async (args, code) => {
    const outcome = await runCli(['snapshot', '--format', 'json', ...args], { cwd: withSaved() });
    expect(outcome.code).toBe(2);
    expect(JSON.parse(outcome.stderr)).toMatchObject({ code });
  });

  it('refuses an existing name before it looks for a sandbox', async () => {
    const cwd = withSaved();
    writeFileSync(join(cwd, 'state/gondolin/snapshots/mine/snapshot.json'), '{}');
    const { stderr } = await runCli(['snapshot', 'mine', '--format', 'json'], { cwd });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'SNAPSHOT_EXISTS' });
  });

  it('--delete removes it', async () => {
    const cwd = withSaved();
    expect((await runCli(['snapshot', '--delete', 'mine'], { cwd })).code).toBe(0);
    expect(await kindsOf(cwd)).toEqual(['checkpoint', 'template']);
  });
});

it('gondolin run --from a missing snapshot exits 2 before an image is built', async () => {
  const outcome = await runCli(['run', '--from', 'none'], { cwd: withSaved() });
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain('SNAPSHOT_NOT_FOUND');
});

it('gondolin plan prints why each checkpoint is not cached, and builds nothing', async () => {
  const cwd = directoryWith(
    'steps: [{ run: ls, checkpoint: true, inputs: ["*.yaml"] }, { run: x }]\n',
  );
  const { stdout } = await runCli(['plan'], { cwd });
  expect(stdout).toMatch(/ls \(inputs \*\.yaml; checkpoint; not cached: /);
  expect(stdout).toContain('x: x (runs each time: no checkpoint follows)');
  const graph = await runCli(['plan', '--format', 'mermaid'], { cwd });
  expect(graph.stdout).toMatch(/^flowchart TD\n/);
  expect(graph.stdout).toMatch(/s0_0\["ls<br\/>not cached: .*"\]\n/);
  const json = JSON.parse((await runCli(['plan', '--format', 'json'], { cwd })).stdout);
  const [first, second] = json.sandboxes[0].steps;
  expect(first.cache).toMatchObject({ isCached: false, reason: expect.any(String) });
  expect(second.cache).toBeNull();
});
