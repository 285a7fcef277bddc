import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { renderMermaid } from '../../../src/plan/render-mermaid.ts';
import { readText } from '../../fixtures/project-text.ts';

const planOf = (text: string): Plan =>
  buildPlan(readText(text), { arch: 'x86_64', release: 'bookworm' });

const TWO = `sandboxes:
  build:
    steps:
      - { name: install, run: npm ci }
      - { name: unit, run: npm test, needs: [install] }
      - { name: report, run: ./report, when: always }
  shell: {}
`;

/** A line of the diagram as this file's grammar knows it: a label has no quote, bracket, angle bracket or other markup in it. */
const LABEL = '(?:[A-Za-z0-9 _:,./()-]|#\\d+;|<br/>)*';
const LINE = new RegExp(
  `^(?:flowchart TD|  subgraph s\\d+\\["${LABEL}"\\]|  end|    s\\d+_(?:\\d+|none)\\["${LABEL}"\\](?::::cached)?|    s\\d+_\\d+ (?:-->|-\\.->) s\\d+_\\d+|  classDef cached .*)$`,
);

describe('renderMermaid()', () => {
  it('draws a box for each sandbox, solid arrows for needs and dotted ones for order', () => {
    const text = renderMermaid(planOf(TWO), (_sandbox, step) => (step === 0 ? 'cached: x' : null));
    expect(text.split('\n')).toEqual([
      'flowchart TD',
      '  subgraph s0["build (debian)"]',
      '    s0_0["install<br/>npm ci<br/>cached: x"]:::cached',
      '    s0_1["unit<br/>npm test"]',
      '    s0_0 --> s0_1',
      '    s0_2["report<br/>./report<br/>when always"]',
      '    s0_1 -.-> s0_2',
      '  end',
      '  subgraph s1["shell (debian)"]',
      '    s1_none["no steps"]',
      '  end',
      '  classDef cached stroke-dasharray: 4 3,opacity:0.7',
    ]);
  });

  it('draws services as rounded boxes, and thick arrows for depends_on', () => {
    const text = renderMermaid(
      planOf(`sandboxes:
  web: { run: npm start, steps: [{ name: a, run: x }], depends_on: { db: { condition: healthy } } }
  db: { run: [postgres, "-c", "x|y"] }
`),
    );
    expect(text).toContain('    s0_0 -.-> s0_run(["run<br/>npm start"])\n');
    expect(text).toContain('    s1_run(["run<br/>postgres -c #39;x#124;y#39;"])\n');
    expect(text).toContain('\n  s1 ==>|healthy| s0\n');
  });

  it('escapes quotes, brackets, backticks, tags and line ends of commands', () => {
    const text = renderMermaid(
      planOf(`steps: [{ name: a, run: "x\\"]; click s0_0 <b>\`\`#35; & %%{init}\\nsecond" }]\n`),
    );
    expect(text).not.toMatch(/click s0_0 </);
    expect(text).toContain('x#34;#93;#59; click s0_0 #60;b#62;#96;#96;#35;35#59; #38;');
    for (const line of text.split('\n')) expect(line).toMatch(LINE);
  });

  it('makes no Markdown list of a label', () => {
    expect(renderMermaid(planOf('steps: [{ name: 1. go, run: "- x" }]\n'))).toContain(
      '["1#46; go<br/>#45; x"]',
    );
  });

  it('has only lines of its own grammar, whatever a command contains', () => {
    const plan = planOf('steps: [{ name: a, run: x }]\n');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (script) => {
        const sandboxes = plan.sandboxes.map((sandbox) => ({
          ...sandbox,
          steps: sandbox.steps.map((step) => ({
            ...step,
            command: { kind: 'shell', script } as const,
          })),
        }));
        for (const line of renderMermaid({ ...plan, sandboxes }).split('\n')) {
          expect(line).toMatch(LINE);
        }
      }),
      { numRuns: 50 },
    );
  });
});
