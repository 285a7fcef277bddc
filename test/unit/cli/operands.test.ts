import { describe, expect, it } from 'vitest';
import { selectCommandSandbox, selectOperands } from '../../../src/cli/operands.ts';
import { plan, sandbox, step } from '../project/fake-vm.ts';

const ONE = plan(sandbox('test', [step('install', 'x'), step('unit', 'x'), step('test', 'x')]));
const TWO = plan(
  sandbox('test', [step('install', 'x'), step('unit', 'x')]),
  sandbox('lint', [step('style', 'x')]),
);

describe('selectOperands', () => {
  it.each([
    [TWO, [], { sandbox: null, steps: [] }],
    [TWO, ['lint'], { sandbox: 'lint', steps: [] }],
    [TWO, ['test', 'unit', 'install'], { sandbox: 'test', steps: ['unit', 'install'] }],
    [ONE, ['unit'], { sandbox: 'test', steps: ['unit'] }],
    [ONE, ['install', 'unit'], { sandbox: 'test', steps: ['install', 'unit'] }],
    [ONE, ['test'], { sandbox: 'test', steps: [] }],
    [ONE, ['test', 'test'], { sandbox: 'test', steps: ['test'] }],
  ])('reads %#', (given, words, want) => {
    expect(selectOperands(given, words)).toEqual(want);
  });

  it.each([
    [TWO, ['lnit'], 'unknown sandbox "lnit"', 'Did you mean lint? Here sandbox names: test, lint.'],
    [TWO, ['zzz'], 'unknown sandbox "zzz"', 'Here sandbox names: test, lint.'],
    [
      TWO,
      ['style'],
      '"style" is a step of sandbox lint',
      'Name its sandbox first: gondolin run lint style',
    ],
    [TWO, ['test', 'style'], 'unknown step "style"', 'Here step names: install, unit.'],
    [
      ONE,
      ['instal'],
      'unknown step "instal"',
      'Did you mean install? Here step names: install, unit, test.',
    ],
    [plan(sandbox('a', [])), ['x'], 'unknown step "x"', 'Here there is no step.'],
  ])('refuses %#', (given, words, message, hint) => {
    expect(() => selectOperands(given, words)).toThrow(
      expect.objectContaining({ code: 'CLI_USAGE', message, hint }),
    );
  });
});

describe('selectCommandSandbox', () => {
  it.each([
    [ONE, [], 'test'],
    [ONE, ['test'], 'test'],
    [TWO, ['lint'], 'lint'],
  ])('reads %#', (given, words, want) => {
    expect(selectCommandSandbox(given, words)).toBe(want);
  });

  it.each([
    [TWO, [], 'which sandbox?'],
    [TWO, ['tset'], 'unknown sandbox "tset"'],
    [ONE, ['unit'], 'unknown sandbox "unit"'],
    [TWO, ['test', 'unit'], 'only a sandbox may be named before `--`'],
  ])('refuses %#', (given, words, message) => {
    expect(() => selectCommandSandbox(given, words)).toThrow(
      expect.objectContaining({ code: 'CLI_USAGE', message }),
    );
  });
});
