import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directoryWith, ROOT, runCli } from '../../fixtures/cli/run-cli.ts';

const GOOD = `name: shop
image: debian
env: { TOKEN: "\${SECRET_TOKEN}", PLAIN: "1" }
steps:
  - { name: install, run: "true" }
  - { name: unit, run: [make, unit], needs: [install], timeout: 5m, retries: 1 }
  - { name: lint, run: make lint, when: always }
`;
const ENV = { SECRET_TOKEN: 'hunter2-not-for-print' };

const TEN_MISTAKES = `imge: debian
image: 7
root: readwrite
workspace: relative
resources: { cpus: 0, memory: lots }
env: { A: [1] }
volumes: ["./gone:x"]
steps:
  - { name: a, rum: "true" }
  - { name: b, run: "true", needs: [nope] }
  - { name: c, run: "true", retries: -1 }
`;

describe('gondolin config', () => {
  it('prints the project with its defaults, as YAML or JSON, and no value of the environment', async () => {
    const cwd = directoryWith(GOOD);
    const yaml = await runCli(['config'], { cwd, env: ENV });
    expect(yaml.code, yaml.stderr).toBe(0);
    expect(yaml.stdout).toContain('name: shop');
    expect(yaml.stdout).not.toContain('hunter2');
    const json = await runCli(['config', '--format', 'json'], { cwd, env: ENV });
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'shop' });
    expect(json.stdout).not.toContain('hunter2');
  });

  it('takes -f FILE and -p NAME', async () => {
    const cwd = directoryWith();
    mkdirSync(join(cwd, 'ci'));
    writeFileSync(join(cwd, 'ci/other.yaml'), GOOD);
    const args = ['config', '-f', 'ci/other.yaml', '-p', 'renamed', '--format', 'json'];
    const { stdout } = await runCli(args, { cwd, env: ENV });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'renamed' });
  });

  it('finds the file in a parent directory', async () => {
    const cwd = directoryWith(GOOD);
    const below = join(cwd, 'a/b');
    mkdirSync(below, { recursive: true });
    expect((await runCli(['config'], { cwd: below, env: ENV })).code).toBe(0);
  });

  it('understands what init writes', async () => {
    const cwd = directoryWith();
    await runCli(['init'], { cwd });
    const { code, stderr } = await runCli(['config'], { cwd });
    expect(code, stderr).toBe(0);
  });
});

describe('gondolin plan', () => {
  it('prints the sandboxes and steps in running order, for people and as JSON', async () => {
    const cwd = directoryWith(GOOD);
    const text = await runCli(['plan'], { cwd, env: ENV });
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toMatch(/install.*\n.*unit.*\n.*lint/);
    const json = await runCli(['plan', '--format', 'json'], { cwd, env: ENV });
    expect(json.stdout).not.toContain('hunter2');
    const plan = JSON.parse(json.stdout);
    expect(plan.sandboxes[0].steps.map((step: { name: string }) => step.name)).toEqual([
      'install',
      'unit',
      'lint',
    ]);
  });

  it('selects the given step and what it needs', async () => {
    const cwd = directoryWith(GOOD);
    const { stdout } = await runCli(['plan', 'unit', '--format', 'json'], { cwd, env: ENV });
    const plan = JSON.parse(stdout);
    expect(plan.sandboxes[0].steps.map((step: { name: string }) => step.name)).toEqual([
      'install',
      'unit',
    ]);
  });
});

describe('a mistake', () => {
  it.each([['config'], ['plan'], ['run']])(
    'in ten places of the file comes back from %s in one answer, each with its line',
    async (command) => {
      const { code, stdout, stderr } = await runCli([command], {
        cwd: directoryWith(TEN_MISTAKES),
      });
      expect(code, stderr).toBe(2);
      expect(stdout).toBe('');
      const places = [...stderr.matchAll(/^gondolin\.yaml:(\d+):\d+: /gm)].map((match) =>
        Number(match[1]),
      );
      expect(new Set(places)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 9, 10, 11]));
      expect(stderr).toMatch(/error\[CONFIG_INVALID\]: 1\d problems/);
      expect(stderr.match(/^ {2}next: /gm)).toHaveLength(places.length);
    },
  );

  it('in the file is JSON with --format json', async () => {
    const cwd = directoryWith(TEN_MISTAKES);
    const { code, stderr } = await runCli(['plan', '--format', 'json'], { cwd });
    expect(code).toBe(2);
    const error = JSON.parse(stderr);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.issues.length).toBeGreaterThanOrEqual(10);
    expect(error.issues[0].at).toMatchObject({ line: expect.any(Number), col: expect.any(Number) });
  });

  it.each([
    [['run', 'instal'], /unknown step "instal"\n {2}next: Did you mean install\?/],
    [['run', 'shop', 'x'], /unknown step "x"/],
    [['plan', 'nope'], /unknown step "nope"/],
    [['run', '--'], /no command after `--`/],
    [['run', 'unit', '--', 'ls'], /unknown sandbox "unit"/],
  ])('an invalid command line %j exits 2 before anything is built', async (args, message) => {
    const { code, stderr } = await runCli(args, { cwd: directoryWith(GOOD), env: ENV });
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('without a project file suggests init', async () => {
    const { code, stderr } = await runCli(['run'], { cwd: directoryWith() });
    expect(code).toBe(2);
    expect(stderr).toMatch(/error\[CONFIG_NOT_FOUND\].*\n(?:.*\n)*.*gondolin init/);
  });
});

it.each(['hello', 'node-project', 'matrix', 'network'])(
  'examples/%s plans without a complaint',
  async (name) => {
    const cwd = join(ROOT, 'examples', name);
    const state = directoryWith();
    const env = { XDG_CACHE_HOME: state, XDG_STATE_HOME: state };
    const { code, stderr } = await runCli(['plan'], { cwd, env });
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('');
  },
);

it('gondolin run without QEMU exits 125 with the fix, before an image is built', async () => {
  const cwd = directoryWith('image: debian\nsteps: [{ run: "true" }]\n');
  const { code, stdout, stderr } = await runCli(['run'], { cwd, env: { PATH: cwd } });
  expect(code, stderr).toBe(125);
  expect(stderr).toMatch(
    /^error\[HOST_TOOL_NOT_FOUND\]: QEMU .*\n(?:.*\n)*\s+next: Install it: apt install /,
  );
  expect(stdout).toBe('');
});

it('plan takes --arg and --profile, and makes a sandbox of each combination of a matrix', async () => {
  const cwd = directoryWith(`
args: { word: { enum: [one, two] } }
sandboxes:
  test:
    matrix: { node: [20, 22] }
    steps: [{ run: "echo \${args.word} \${matrix.node}" }]
  slow: { profiles: [slow], steps: [{ run: ls }] }
`);
  const planned = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(['plan', '--format', 'json', ...args], { cwd });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout).sandboxes.map(({ name }: { name: string }) => name);
  };
  expect(await planned('--arg', 'word=two')).toEqual(['test-20', 'test-22']);
  expect(await planned('--arg', 'word=two', '--profile', 'slow')).toContain('slow');
  expect(await planned('--arg', 'word=two', 'test')).toEqual(['test-20', 'test-22']);
  const missing = await runCli(['plan'], { cwd });
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('args.word: it has no value');
  const wrong = await runCli(['plan', '--arg', 'word'], { cwd });
  expect(wrong.stderr).toContain('error[CLI_USAGE]: --arg: want NAME=VALUE');
});
