/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../../src/config/read-config.ts';
import { errorOf, filesOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

function readWith(text: string, args: Record<string, string>) {
  const access = filesOf({ '/p/src': null });
  return readConfig({ path: '/p/gondolin.yaml', text }, { access, env: { HOST: 'h' }, args });
}

function codesWith(text: string, args: Record<string, string>): string[] {
  try {
    readWith(text, args);
    return [];
  } catch (error) {
    return (error as { issues: { code: string }[] }).issues.map(({ code }) => code);
  }
}

describe('args', () => {
  const text = `
args:
  browser: { default: chromium, enum: [chromium, firefox] }
  tag: { pattern: "v[0-9]+" }
  level: 3
  from: "\${HOST}"
resources:
  cpus: \${args.level}
env: { B: "\${args.browser}", T: "\${args.tag}", F: "\${args.from}", E: "$\${args.browser}" }
steps: [{ run: "ls" }]
`;

  it('have the value that is given, else their default, which may be a variable of the host', () => {
    const [sandbox] = readWith(text, { tag: 'v1', browser: 'firefox' }).sandboxes;
    expect(sandbox?.env).toEqual({ B: 'firefox', T: 'v1', F: 'h', E: '${args.browser}' });
  });

  it('without quotes a reference can be a number', () => {
    const flat = 'args: { n: 3 }\nresources:\n  cpus: ${args.n}\nsteps: [{ run: ls }]\n';
    expect(readText(flat).sandboxes[0]?.cpus).toBe(3);
  });

  it.each([
    [{}, ['arg_missing']],
    [{ tag: 'x' }, ['arg_value']],
    [{ tag: 'v1', browser: 'safari' }, ['arg_value']],
    [{ tag: 'v1', brwser: 'firefox' }, ['arg_unknown']],
    [{ tag: `v${'1'.repeat(5000)}` }, ['arg_value']],
  ])('given values are reported by code: %#', (args, codes) => {
    expect(codesWith(text, args)).toEqual(codes);
  });

  it('a message shows no value that was given', () => {
    const found = () => readWith(text, { tag: 'hunter2', browser: 'hunter2' });
    expect(found).toThrow(/args\.browser: want one of chromium, firefox/);
    expect(found).not.toThrow(/hunter2/);
  });

  it('an unknown name is an issue at the reference, with the name that was meant', () => {
    const wrong = 'args: { browser: a }\nsteps: [{ run: "x ${args.browsr}" }]\n';
    expect(issuesOfText(wrong)).toEqual(['2:19 reference_unknown']);
    expect(errorOf(wrong)[0]?.message).toContain('did you mean args.browser?');
    expect(issuesOfText('steps: [{ run: "x ${args.none:-x}" }]')).toEqual([
      '1:19 reference_unknown',
    ]);
  });
});

describe('matrix', () => {
  const text = `
sandboxes:
  test:
    matrix:
      node: [20, "22"]
      os: [a, B c]
      exclude: [{ node: 20, os: a }]
      include: [{ node: 24, os: a }, { node: 22, os: a }]
    env: { N: "\${matrix.node}", O: "\${matrix.os}" }
    steps: [{ run: "test \${matrix.node}" }]
  lint:
    steps: [{ run: ls }]
`;

  it('makes a sandbox of each combination, the last axis changing fastest', () => {
    const { sandboxes } = readText(text);
    expect(sandboxes.map(({ name }) => name)).toEqual([
      'test-20-b-c',
      'test-22-a',
      'test-22-b-c',
      'test-24-a',
      'lint',
    ]);
    expect(sandboxes[0]?.env).toEqual({ N: '20', O: 'B c' });
    expect(sandboxes[0]?.steps[0]?.run).toBe('test 20');
    expect(sandboxes.map(({ matrixOf }) => matrixOf)).toEqual([
      'test',
      'test',
      'test',
      'test',
      null,
    ]);
    expect(sandboxes[0]?.matrix).toEqual({ node: '20', os: 'B c' });
  });

  it('works in the flat form, whose sandboxes are named after the project', () => {
    const flat =
      'name: shop\nmatrix: { node: [20, 22] }\nresources: { cpus: 2 }\nsteps: [{ run: "n ${matrix.node}" }]\n';
    const { sandboxes } = readText(flat);
    expect(sandboxes.map(({ name }) => name)).toEqual(['shop-20', 'shop-22']);
    expect(sandboxes[1]?.steps[0]?.run).toBe('n 22');
    expect(sandboxes[1]?.cpus).toBe(2);
  });

  it.each([
    [
      'sandboxes: { a: { matrix: { x: [1], exclude: [{ x: 1 }] }, steps: [{ run: ls }] } }',
      'matrix_size',
    ],
    ['sandboxes: { a: { matrix: { x: ["1.0", "1-0"] }, steps: [{ run: ls }] } }', 'matrix_name'],
    [
      'sandboxes: { a: { matrix: { x: [1] }, steps: [{ run: "${matrix.y}" }] } }',
      'reference_unknown',
    ],
    ['sandboxes: { a: { steps: [{ run: "${matrix.x}" }] } }', 'reference_unknown'],
    ['sandboxes: { a: { matrix: { x: 1 }, steps: [{ run: ls }] } }', 'wrong_type'],
    ['sandboxes: { a: { matrix: { x: [] }, steps: [{ run: ls }] } }', 'bad_value'],
  ])('%s has the issue %s', (wrong, code) => {
    expect(errorOf(wrong).map((issue) => issue.code)).toContain(code);
  });

  it('a matrix beyond 256 combinations is refused without being built', () => {
    const axes = Array.from({ length: 12 }, (_, index) => `a${index}: [${'1,2,3,4,5,6,7,8,9'}]`);
    const large = `sandboxes: { a: { matrix: { ${axes.join(', ')} }, steps: [{ run: ls }] } }`;
    expect(errorOf(large).map((issue) => issue.code)).toContain('matrix_size');
  });

  it('a mistake that all combinations share is reported once, with the name in the file', () => {
    const steps = 'steps: [{ name: "a|b", run: ls, cwd: "${matrix.y}" }]';
    const text = `sandboxes: { a: { matrix: { x: [1, 2], y: [b, c] }, ${steps}, depends_on: [z] } }`;
    expect(errorOf(text).map(({ message }) => message)).toEqual([
      expect.stringMatching(/^sandboxes\.a\.steps\[0\]\.name: got "a\|b"/),
      'sandbox "a": depends on an unknown sandbox "z"',
    ]);
  });

  it('a mistake of some combinations is reported with the value of each', () => {
    const text =
      'sandboxes: { a: { matrix: { u: [root, "a b", "c d"] }, user: "${matrix.u}", steps: [ls] } }';
    const messages = errorOf(text).map(({ message }) => message);
    expect(messages.filter((message) => message.startsWith('sandboxes.a.user: '))).toEqual(
      messages,
    );
  });
});
