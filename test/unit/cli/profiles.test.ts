import { describe, expect, it } from 'vitest';
import { planForOperands } from '../../../src/cli/open-project.ts';
import { plan, sandbox, step } from '../project/fake-vm.ts';

const withProfiles = (name: string, ...profiles: string[]) => ({
  ...sandbox(name, [step('unit', 'x')]),
  profiles,
});
const PROJECT = plan(
  withProfiles('app'),
  withProfiles('bench', 'slow'),
  withProfiles('docs', 'docs', 'slow'),
);

function names(operands: readonly string[], profile?: readonly string[]): string[] {
  const options = profile === undefined ? {} : { profile };
  return planForOperands(PROJECT, operands, options).sandboxes.map(({ name }) => name);
}

describe('planForOperands() with profiles', () => {
  it('leaves out the sandboxes whose profiles are not active', () => {
    expect(names([])).toEqual(['app']);
    expect(names([], ['docs'])).toEqual(['app', 'docs']);
    expect(names([], ['slow'])).toEqual(['app', 'bench', 'docs']);
  });

  it('runs a sandbox that is named, whatever its profiles', () => {
    expect(names(['bench'])).toEqual(['bench']);
    expect(names(['docs', 'unit'])).toEqual(['docs']);
  });

  it('refuses a profile that no sandbox has, with the one that was meant', () => {
    expect(() => names([], ['slwo'])).toThrow(
      expect.objectContaining({
        code: 'CLI_USAGE',
        hint: 'Did you mean slow? Known profiles: slow, docs.',
      }),
    );
  });

  it('refuses to run nothing, and names the profiles', () => {
    const all = plan(withProfiles('bench', 'slow'));
    expect(() => planForOperands(all, [], {})).toThrow(
      expect.objectContaining({
        code: 'CLI_USAGE',
        hint: 'Name a sandbox, or a profile with --profile: slow.',
      }),
    );
  });
});
