import { describe, expect, it } from 'vitest';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const stepsOf = (list: string, env = {}) =>
  readText(`steps: ${list}\n`, { env }).sandboxes[0]?.steps;

describe('steps', () => {
  it.each([
    ['[ls]', { name: 'ls', run: 'ls' }],
    ['[false]', { run: 'false' }],
    ['[{ run: ls }]', { run: 'ls' }],
    ['[{ run: [sleep, 5] }]', { run: ['sleep', '5'] }],
    ['[{ run: true }]', { run: 'true' }],
    [
      '[{ name: a, run: ls, when: always, retries: 2, continue_on_error: true }]',
      { name: 'a', when: 'always', retries: 2, continueOnError: true },
    ],
    ['[{ run: ls, timeout: 2s }]', { timeoutMs: 2_000 }],
    ['[{ run: ls, cwd: src }]', { cwd: '/workspace/src' }],
    ['[{ run: ls, cwd: /tmp/ }]', { cwd: '/tmp' }],
    ['[{ run: ls, env: [A=1] }]', { env: { A: '1' } }],
    ['[{ run: ls, success_exit_codes: [0, 3] }]', { successExitCodes: [0, 3] }],
    ['["a b c"]', { name: 'a b c' }],
  ])('%s is read', (list, want) => {
    expect(stepsOf(list)).toEqual([expect.objectContaining(want)]);
  });

  it.each([
    ['[{ name: a }]', 'missing_key'],
    ['[{ run: "" }]', 'bad_value'],
    ['["  "]', 'bad_value'],
    ['[{ run: [] }]', 'bad_value'],
    ['[{ run: { a: b } }]', 'wrong_type'],
    ['[{ run: [[a]] }]', 'wrong_type'],
    ['[[ls]]', 'wrong_type'],
    ['[{ name: "-a", run: ls }]', 'bad_value'],
    ['[{ run: ls, when: sometimes }]', 'bad_value'],
    ['[{ run: ls, retries: -1 }]', 'bad_value'],
    ['[{ run: ls, retries: 101 }]', 'bad_value'],
    ['[{ run: ls, timeout: 5 }]', 'wrong_type'],
    ['[{ run: ls, needs: a }]', 'wrong_type'],
    ['[{ run: ls, needs: [a] }]', 'unknown_need'],
    ['[{ name: a, run: ls, needs: [a] }]', 'need_cycle'],
    ['[{ run: ls, cwd: ../x }]', 'guest_path'],
    ['[{ run: ls, success_exit_codes: [] }]', 'bad_value'],
    ['[{ run: ls, success_exit_codes: [256] }]', 'bad_value'],
    ['[{ run: ls, continue_on_error: maybe }]', 'wrong_type'],
    ['[{ run: ls, inputs: [missing.txt] }]', 'path_missing'],
    ['[{ run: ls, inputs: a.txt }]', 'wrong_type'],
    ['[{ run: ls, inputs: [""] }]', 'bad_value'],
    ['[{ run: ls, checkpoint: 1 }]', 'wrong_type'],
    ['[{ name: a, run: ls }, { name: a, run: ls }]', 'duplicate_name'],
  ])('%s is %s', (list, code) => {
    expect(errorOf(`steps: ${list}\n`).map((issue) => issue.code)).toEqual([code]);
  });

  it('nameless steps of one command get different names', () => {
    const names = stepsOf('[ls, ls, ls]')?.map(({ name }) => name) ?? [];
    expect(new Set(names).size).toBe(3);
  });

  it('inputs keep their place and start at the directory of their file; globs are not looked up', () => {
    const text = 'steps:\n  - run: ls\n    inputs: [a.txt, src, "none/**"]\n';
    const at = (col: number) => ({ file: '/p/gondolin.yaml', line: 3, col });
    expect(readText(text).sandboxes[0]?.steps[0]?.inputs).toEqual([
      { pattern: 'a.txt', directory: '/p', at: at(14) },
      { pattern: 'src', directory: '/p', at: at(21) },
      { pattern: 'none/**', directory: '/p', at: at(26) },
    ]);
  });

  it('a need that is misspelt has a did-you-mean', () => {
    const text = 'steps:\n  - { name: unit, run: a }\n  - { run: b, needs: [unti] }\n';
    expect(issuesOfText(text)).toEqual(['3:23 unknown_need']);
    expect(errorOf(text)[0]?.hint).toContain('"unit"');
  });

  it('a cycle is named step by step', () => {
    const text =
      'steps: [{ name: a, run: x, needs: [c] }, { name: b, run: x, needs: [a] }, { name: c, run: x, needs: [b] }]\n';
    expect(errorOf(text)[0]?.message).toContain('a -> c -> b -> a');
  });

  it('a needed step may be later in the file', () => {
    expect(issuesOfText('steps: [{ run: a, needs: [b] }, { name: b, run: b }]\n')).toEqual([]);
  });

  it('names are of one sandbox only', () => {
    const step = '{ steps: [{ name: a, run: x }] }';
    expect(issuesOfText(`sandboxes: { one: ${step}, two: ${step} }\n`)).toEqual([]);
  });
});
