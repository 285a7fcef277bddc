import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { unknownName, usageError } from './usage-error.ts';

/** What `run [SANDBOX] [STEP…]` names. */
export interface Selection {
  /** null is every sandbox. */
  readonly sandbox: string | null;
  /** Empty is every step. */
  readonly steps: readonly string[];
}

function stepNames(sandbox: SandboxPlan): string[] {
  return sandbox.steps.map((step) => step.name);
}

function checkSteps(sandbox: SandboxPlan, steps: readonly string[]): Selection {
  const known = stepNames(sandbox);
  const unknown = steps.find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('step', unknown, known);
  return { sandbox: sandbox.name, steps };
}

function checkSandboxWord(plan: Plan, word: string): never {
  const owner = plan.sandboxes.find((sandbox) => stepNames(sandbox).includes(word));
  if (owner !== undefined) {
    const hint = `Name its sandbox first: gondolin run ${owner.name} ${word}`;
    throw usageError(`"${word}" is a step of sandbox ${owner.name}`, hint);
  }
  throw unknownName(
    'sandbox',
    word,
    plan.sandboxes.map(({ name }) => name),
  );
}

/**
 * Reads the words of `run [SANDBOX] [STEP…]`. The first is a sandbox when one has that name; in a project with a
 * single sandbox it may be a step as well.
 * @throws {GondolinError} CLI_USAGE for a name that is not there.
 */
export function selectOperands(plan: Plan, operands: readonly string[]): Selection {
  const [first, ...rest] = operands;
  if (first === undefined) return { sandbox: null, steps: [] };
  const named = plan.sandboxes.find((sandbox) => sandbox.name === first);
  if (named !== undefined) return checkSteps(named, rest);
  const [only, ...others] = plan.sandboxes;
  if (only === undefined || others.length > 0) return checkSandboxWord(plan, first);
  return checkSteps(only, operands);
}

/**
 * Reads the words of `run [SANDBOX] -- CMD…`.
 * @returns The sandbox that CMD runs in.
 * @throws {GondolinError} CLI_USAGE when it is not clear which, or when steps are named too.
 */
export function selectCommandSandbox(plan: Plan, operands: readonly string[]): string {
  const names = plan.sandboxes.map(({ name }) => name);
  const [word, ...rest] = operands;
  if (rest.length > 0) {
    throw usageError(
      'only a sandbox may be named before `--`',
      'Write gondolin run SANDBOX -- CMD: a command takes the place of the steps.',
    );
  }
  if (word !== undefined) {
    if (!names.includes(word)) throw unknownName('sandbox', word, names);
    return word;
  }
  const [only, ...others] = names;
  if (only === undefined || others.length > 0) {
    throw usageError(
      'which sandbox?',
      `Write gondolin run SANDBOX -- CMD, with one of: ${names.join(', ')}.`,
    );
  }
  return only;
}
