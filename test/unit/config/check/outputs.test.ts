/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { expect, it } from 'vitest';
import { renderConfig } from '../../../../src/config/print/render-config.ts';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { renderPlan, renderPlanJson } from '../../../../src/plan/render-plan.ts';
import { selectSteps } from '../../../../src/plan/select-steps.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const TWO = `
sandboxes:
  lib:
    steps:
      - { name: build it, run: make }
      - { name: sum, run: "echo \${steps.build it.outputs.version:-\${NONE:-0}}" }
  app:
    depends_on: [lib]
    env: { V: "v\${steps.sum.outputs.digest}" }
    run: [serve, "\${sandboxes.lib.steps.build it.outputs.version}"]
    healthcheck: { test: [CMD-SHELL, check, "\${steps.own.outputs.port}"] }
    steps:
      - { name: own, run: "true", env: ["A=\${sandboxes.lib.steps.sum.outputs.digest}", B=2] }
      - "echo $\${steps.own.outputs.port} \${steps.own.outputs.port}"
`;

const FACTS = { arch: 'x86_64', release: 'bookworm' } as const;

it('a text with outputs keeps the references as the file spells them, with the sandbox of each', () => {
  const [lib, app] = readText(TWO).sandboxes;
  expect(lib?.steps[1]).toMatchObject({
    run: 'echo ${steps.build it.outputs.version:-${NONE:-0}}',
    runOutputs: [
      [
        'echo ',
        { sandbox: 'lib', step: 'build it', output: 'version', operator: ':-', operand: '0' },
      ],
    ],
  });
  expect(app?.envOutputs).toMatchObject({ V: ['v', { sandbox: 'lib', step: 'sum' }] });
  expect(app?.service?.runOutputs).toMatchObject([
    ['serve'],
    [{ sandbox: 'lib', output: 'version' }],
  ]);
  const words = app?.service?.healthcheck?.testOutputs;
  expect(words).toMatchObject([['check', ' ', { sandbox: 'app', step: 'own' }]]);
  expect(app?.steps[0]?.envOutputs).toMatchObject({ A: ['', { sandbox: 'lib', step: 'sum' }] });
  expect(app?.steps[1]?.runOutputs).toMatchObject([
    ['echo ${steps.own.outputs.port} ', { sandbox: 'app', step: 'own' }],
  ]);
});

it('config and plan show references, and no variable that stands beside one', () => {
  const text =
    'secrets: [TOKEN@a.test]\nsteps:\n  - { name: a, run: ls }\n  - { run: ls, env: { V: "${TOKEN}${steps.a.outputs.b}" } }\n';
  const config = readText(text, { env: { TOKEN: 'hunter22hunter22' } });
  const plan = buildPlan(config, FACTS);
  for (const shown of [
    renderConfig(config, 'yaml'),
    renderConfig(config, 'json'),
    renderPlanJson(plan),
    renderPlan(plan),
  ]) {
    expect(shown).not.toContain('hunter22');
    expect(shown).not.toContain('Outputs');
  }
  const shown = readText('steps:\n  - { name: a, run: ls }\n  - "echo ${steps.a.outputs.b}"\n');
  expect(renderPlan(buildPlan(shown, FACTS))).toContain('echo ${steps.a.outputs.b}');
});

it.each([
  ['steps: ["echo ${steps.b.outputs.x}"]', '1:15 unknown_output'],
  ['steps: [{ name: a, run: "${steps.a.outputs.x}" }]', '1:26 output_place'],
  ['steps: [{ run: "${steps.b.outputs.x}" }, { name: b, run: ls }]', '1:17 output_place'],
  ['env: { A: "${steps.a.outputs.x}" }\nsteps: [{ name: a, run: ls }]', '1:12 output_place'],
  ['user: "${steps.a.outputs.x}"\nsteps: [{ name: a, run: ls }]', '1:8 output_place'],
  ['steps: [{ name: a, run: ls }, { run: ls, cwd: "${steps.a.outputs.x}" }]', '1:48 output_place'],
  [
    'steps: [{ name: a, run: ls }]\nnetwork: { allowed_hosts: ["${steps.a.outputs.x}"] }',
    '2:29 output_place',
  ],
  ['args: { a: "${steps.a.outputs.x}" }\nsteps: [{ name: a, run: ls }]', '1:13 variable_syntax'],
  ['steps: [{ name: a, run: ls }, "echo ${HOME:-${steps.a.outputs.x}}"]', null],
  [
    'steps: [{ name: a, run: ls }, "l ${steps.a.outputs.x:-${steps.a.outputs.y}}"]',
    '1:34 variable_syntax',
  ],
  ['steps: [{ name: a, run: ls }, "l ${steps.a.outputs.x y}"]', '1:34 variable_syntax'],
  ['steps: [{ name: a, run: ls }, "l ${steps.a.output.x}"]', '1:34 variable_syntax'],
])('%s has the issue %s', (text, issue) => {
  expect(issuesOfText(text).filter((one) => !/host_pattern|bad_value/.test(one))).toEqual(
    issue === null ? [] : [issue],
  );
});

it.each([
  ['depends_on: [lib, other]', '${steps.build.outputs.x}', 'unknown_output'],
  ['depends_on: [other]', '${sandboxes.lib.steps.build.outputs.x}', 'unknown_output'],
  ['depends_on: [lib]', '${sandboxes.no.steps.build.outputs.x}', 'unknown_output'],
  ['depends_on: [lib]', '${sandboxes.lib.steps.bild.outputs.x}', 'unknown_output'],
  ['depends_on: { lib: { condition: started } }', '${steps.build.outputs.x}', 'output_place'],
  ['depends_on: { web: { condition: started } }', '${steps.build.outputs.x}', null],
  ['depends_on: [lib, other]', '${sandboxes.other.steps.build.outputs.x}', null],
])('a sandbox with %s that uses %s has the issue %s', (depends, reference, code) => {
  const text = `
sandboxes:
  lib: { steps: [{ name: build, run: ls }] }
  other: { steps: [{ name: build, run: ls }] }
  web: { run: serve, steps: [{ name: build, run: ls }] }
  app:
    ${depends}
    steps: ["echo ${reference}"]
`;
  const issues = errorOf(text);
  expect(issues.map((issue) => issue.code)).toEqual(code === null ? [] : [code]);
  if (reference.includes('bild')) expect(issues[0]?.hint).toContain('"build"');
});

it('a step that is chosen brings the steps along whose outputs it uses', () => {
  const text =
    'steps:\n  - { name: a, run: ls }\n  - { name: b, run: ls }\n  - { name: c, run: "${steps.a.outputs.x}" }\n';
  const [sandbox] = buildPlan(readText(text), FACTS).sandboxes;
  if (sandbox === undefined) throw new Error('no sandbox');
  expect(selectSteps(sandbox, ['c']).steps.map(({ name }) => name)).toEqual(['a', 'c']);
});
