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
    [TWO, [], { sandboxes: null, steps: [] }],
    [TWO, ['lint'], { sandboxes: ['lint'], steps: [] }],
    [TWO, ['test', 'unit', 'install'], { sandboxes: ['test'], steps: ['unit', 'install'] }],
    [ONE, ['unit'], { sandboxes: ['test'], steps: ['unit'] }],
    [ONE, ['install', 'unit'], { sandboxes: ['test'], steps: ['install', 'unit'] }],
    [ONE, ['test'], { sandboxes: ['test'], steps: [] }],
    [ONE, ['test', 'test'], { sandboxes: ['test'], steps: ['test'] }],
  ])('reads %#', (given, operands, want) => {
    expect(selectOperands(given, operands)).toEqual(want);
  });

  it.each([
    [TWO, ['lnit'], 'unknown sandbox "lnit"', 'Did you mean lint? Known sandboxes: test, lint.'],
    [TWO, ['zzz'], 'unknown sandbox "zzz"', 'Known sandboxes: test, lint.'],
    [TWO, ['style'], '"style" is a step of sandbox lint', 'Put its sandbox first: lint style'],
    [TWO, ['test', 'style'], 'unknown step "style"', 'Known steps: install, unit.'],
    [
      ONE,
      ['instal'],
      'unknown step "instal"',
      'Did you mean install? Known steps: install, unit, test.',
    ],
    [plan(sandbox('a', [])), ['x'], 'unknown step "x"', 'There is no step.'],
  ])('refuses %#', (given, operands, message, hint) => {
    expect(() => selectOperands(given, operands)).toThrow(
      expect.objectContaining({ code: 'CLI_USAGE', message, hint }),
    );
  });
});

it('the name of a sandbox with a matrix selects all that it made', () => {
  const cell = (value: string) => ({
    ...sandbox(`test-${value}`, [step('unit', 'x')]),
    matrix: { node: value },
    matrixOf: 'test',
  });
  const cells = plan(cell('20'), cell('22'), sandbox('lint', []));
  expect(selectOperands(cells, ['test', 'unit'])).toEqual({
    sandboxes: ['test-20', 'test-22'],
    steps: ['unit'],
  });
  expect(selectOperands(cells, ['test-20']).sandboxes).toEqual(['test-20']);
});

describe('selectCommandSandbox', () => {
  it.each([
    [ONE, [], 'test'],
    [ONE, ['test'], 'test'],
    [TWO, ['lint'], 'lint'],
  ])('reads %#', (given, operands, want) => {
    expect(selectCommandSandbox(given, operands)).toBe(want);
  });

  it.each([
    [TWO, [], 'a command runs in one sandbox, and the project has several'],
    [TWO, ['tset'], 'unknown sandbox "tset"'],
    [ONE, ['unit'], 'unknown sandbox "unit"'],
    [TWO, ['test', 'unit'], 'only a sandbox may precede `--`'],
  ])('refuses %#', (given, operands, message) => {
    expect(() => selectCommandSandbox(given, operands)).toThrow(
      expect.objectContaining({ code: 'CLI_USAGE', message }),
    );
  });
});
