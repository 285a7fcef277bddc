/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { renderPlan, renderPlanJson } from '../../../src/plan/render-plan.ts';
import { selectSteps } from '../../../src/plan/select-steps.ts';
import { readText } from '../../fixtures/project-text.ts';

const FACTS = { arch: 'x86_64', release: 'trixie' } as const;
const planOf = (text: string, env = {}) => buildPlan(readText(text, { env }), FACTS);

describe('buildPlan()', () => {
  it('fills host facts into the built-in image', () => {
    expect(planOf('image: debian\n').sandboxes[0]?.image).toEqual({
      name: 'debian',
      recipe: { kind: 'debian', arch: 'x86_64', release: 'trixie', packages: [], mirror: null },
    });
  });

  it('keeps what an image names itself', () => {
    const build =
      'distro: debian, arch: aarch64, debian: { release: sid, packages: [git], mirror: "https://deb.example.com/debian" }';
    expect(
      planOf(`images: { a: { build: { ${build} } } }\nimage: a\n`).sandboxes[0]?.image.recipe,
    ).toEqual({
      kind: 'debian',
      arch: 'aarch64',
      release: 'sid',
      packages: ['git'],
      mirror: 'https://deb.example.com/debian',
    });
  });

  it('takes an image directory as it is', () => {
    const plan = planOf('images: { a: { path: ./src } }\nimage: a\n');
    expect(plan.sandboxes[0]?.image).toEqual({
      name: 'a',
      recipe: { kind: 'path', path: '/p/src' },
    });
  });

  it('orders steps by needs, otherwise as in the file', () => {
    const text =
      'steps: [{ name: c, run: x, needs: [a] }, { name: b, run: x }, { name: a, run: x }]\n';
    expect(planOf(text).sandboxes[0]?.steps.map(({ name }) => name)).toEqual(['b', 'a', 'c']);
  });

  it('distinguishes shell commands from lists', () => {
    const commands = planOf('steps: ["a b", { run: [a, "b c"] }]\n').sandboxes[0]?.steps.map(
      (s) => s.command,
    );
    expect(commands).toEqual([
      { kind: 'shell', script: 'a b' },
      { kind: 'argv', argv: ['a', 'b c'] },
    ]);
  });

  it('gives the same bytes for the same input', () => {
    const text = 'env: { B: "1", A: "2" }\nvolumes: ["./src:src"]\nsteps: [ls]\n';
    expect(JSON.stringify(planOf(text))).toBe(JSON.stringify(planOf(text)));
  });

  it('holds nothing of the host environment but what is asked for', () => {
    const plan = planOf('env: { A: }\nsteps: [ls]\n', { A: 'wanted', B: 'unwanted' });
    expect(plan.sandboxes[0]?.vm.env).toEqual({ A: 'wanted' });
    expect(JSON.stringify(plan)).not.toContain('unwanted');
  });

  it('allows the hosts of secrets beside those named, and holds no value', () => {
    const text = 'network: { allowed_hosts: [a.test] }\nsecrets: [TOKEN@a.test, B@b.test:8443]\n';
    const plan = planOf(text, { TOKEN: 'hunter2', B: 'hunter2' });
    expect(plan.sandboxes[0]).toMatchObject({
      network: { mode: 'allowlist', allowedHosts: ['a.test', 'b.test:8443'] },
      secrets: [{ name: 'TOKEN', from: { kind: 'env', variable: 'TOKEN' } }, { name: 'B' }],
    });
    expect(JSON.stringify(plan)).not.toContain('hunter2');
  });

  it('survives JSON unchanged', () => {
    const plan = planOf('sandboxes: { a: { steps: [ls] }, b: { root: readonly } }\n');
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('names the files that stay read-only', () => {
    expect(planOf('image: debian\n')).toMatchObject({
      directory: '/p',
      configFiles: ['/p/gondolin.yaml'],
    });
  });
});

describe('selectSteps()', () => {
  const text =
    'steps: [{ name: a, run: x }, { name: b, run: x, needs: [a] }, { name: c, run: x, needs: [b] }, { name: d, run: x }]\n';
  const sandbox = planOf(text).sandboxes[0];

  it.each([
    [['a'], ['a']],
    [['c'], ['a', 'b', 'c']],
    [
      ['d', 'a'],
      ['a', 'd'],
    ],
    [
      ['c', 'b'],
      ['a', 'b', 'c'],
    ],
    [[], []],
  ])('%j brings what it needs: %j', (names, want) => {
    if (sandbox === undefined) throw new Error('no sandbox');
    expect(selectSteps(sandbox, names).steps.map(({ name }) => name)).toEqual(want);
  });
});

describe('renderPlan()', () => {
  it('shows sandboxes, volumes and steps, and no value of a variable', () => {
    const text =
      'env: { A: s3cret }\nvolumes: ["./src:src:ro"]\nsteps:\n  - { name: one, run: ls, timeout: 2s }\n  - { name: two, run: [a, "b c"], needs: [one], when: always }\n';
    const shown = renderPlan(planOf(text));
    for (const part of [
      'sandbox p',
      '/p/src -> /workspace/src (read-only)',
      'one: ls (timeout 2 s)',
      "two: a 'b c' (needs one; when always)",
    ]) {
      expect(shown).toContain(part);
    }
    expect(shown).not.toContain('s3cret');
  });

  it('shows what the guest may reach, and where secrets come from', () => {
    const text = `sandboxes:
  none: { network: { mode: none } }
  nothing: {}
  open: { network: { mode: open, denied_hosts: [bad.test], block_private_ips: false } }
  full:
    network:
      allowed_hosts: [a.test, "*.b.test"]
      allowed_private: [a.test]
      extra_hosts: ["a.test:127.0.0.1:8443"]
      passthrough: [p.test]
      rules: [{ host: a.test, methods: [get], paths: [/v1/**] }]
      policy_script: ./a.txt
      ssh: [{ hosts: [g.test], key: ./a.txt, user: git, commands: [git-upload-pack a] }]
      on_blocked: fail
    secrets:
      - A@s.test
      - { name: B, hosts: [s.test], from: { file: ./a.txt }, allow_http: true }
      - { name: C, hosts: [s.test], from: { command: echo hunter2 } }
`;
    const shown = renderPlan(planOf(text));
    const lines = shown.split('\n').filter((line) => /^ {2}(network|secret) /.test(line));
    expect(lines.map((line) => line.slice(13))).toEqual([
      'none',
      'nothing is allowed',
      'every public host; never bad.test',
      'private addresses are not blocked',
      'a.test, *.b.test, s.test',
      'may be private: a.test',
      'not inspected: p.test',
      'a.test is 127.0.0.1 port 8443',
      'allow GET a.test /v1/**',
      'SSH to g.test with the key /p/a.txt as git: git-upload-pack a',
      'hooks of /p/a.txt',
      'fails when something is blocked',
      'A from variable A -> s.test',
      'B from file /p/a.txt -> s.test (plain HTTP too)',
      'C from a command -> s.test',
    ]);
  });

  it('says what to do without steps', () => {
    expect(renderPlan(planOf('image: debian\n'))).toContain('gondolin run -- COMMAND');
  });
});

describe('renderPlanJson()', () => {
  it('masks values from the environment, and none that is in the file', () => {
    const text =
      'env: { A: , B: "x${A}", C: shown }\nenv_file: .env\nsteps: [{ run: ls, env: { D: "${A}", E: seen } }]\n';
    const config = readText(text, {
      env: { A: 'hunter2' },
      files: { '/p/.env': 'F=hunter2\n' },
    });
    const shown = renderPlanJson(buildPlan(config, FACTS));
    expect(shown).not.toContain('hunter2');
    const [sandbox] = JSON.parse(shown).sandboxes;
    expect(sandbox.vm.env).toEqual({ A: '***', B: '***', C: 'shown', F: '***' });
    expect(sandbox.steps[0].env).toEqual({ D: '***', E: 'seen' });
    expect(shown).not.toContain('maskedEnv');
  });
});
