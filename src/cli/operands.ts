import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { sandboxesNamed } from '../plan/sandboxes-named.ts';
import { unknownName, usageError } from './usage-error.ts';

/** The sandbox and steps selected by `run [SANDBOX] [STEP…]`. */
export interface Selection {
  /** Names of sandboxes: one, or all that one `matrix:` made; null selects every sandbox. */
  readonly sandboxes: readonly string[] | null;
  /** An empty list selects every step. */
  readonly steps: readonly string[];
}

function stepNames(sandbox: SandboxPlan): string[] {
  return sandbox.steps.map((step) => step.name);
}

/** The sandboxes of one matrix have the same steps, but for steps that are named after its values. */
function checkSteps(sandboxes: readonly SandboxPlan[], steps: readonly string[]): Selection {
  for (const sandbox of sandboxes) {
    const known = stepNames(sandbox);
    const unknown = steps.find((name) => !known.includes(name));
    if (unknown !== undefined) throw unknownName('step', unknown, known);
  }
  return { sandboxes: sandboxes.map(({ name }) => name), steps };
}

function refuseSandbox(plan: Plan, word: string): never {
  const owner = plan.sandboxes.find((sandbox) => stepNames(sandbox).includes(word));
  if (owner !== undefined) {
    const hint = `Put its sandbox first: ${owner.name} ${word}`;
    throw usageError(`"${word}" is a step of sandbox ${owner.name}`, hint);
  }
  throw unknownName(
    'sandbox',
    word,
    plan.sandboxes.map(({ name }) => name),
  );
}

/**
 * Reads the operands of `run [SANDBOX] [STEP…]`. The first is a sandbox if one has that name; in a project with a
 * single sandbox it may also be a step.
 * @throws {GondolinError} CLI_USAGE for an unknown name.
 */
export function selectOperands(plan: Plan, operands: readonly string[]): Selection {
  const [first, ...rest] = operands;
  if (first === undefined) return { sandboxes: null, steps: [] };
  const named = sandboxesNamed(plan.sandboxes, first);
  if (named.length > 0) return checkSteps(named, rest);
  const [only, ...others] = plan.sandboxes;
  if (only === undefined || others.length > 0) return refuseSandbox(plan, first);
  return checkSteps([only], operands);
}

/** Reads the operands of `up [SANDBOX…]`. @returns null selects every sandbox. @throws {GondolinError} CLI_USAGE for an unknown name. */
export function selectSandboxes(plan: Plan, operands: readonly string[]): readonly string[] | null {
  if (operands.length === 0) return null;
  return operands.flatMap((word) => {
    const named = sandboxesNamed(plan.sandboxes, word);
    return named.length > 0 ? named.map(({ name }) => name) : refuseSandbox(plan, word);
  });
}

/**
 * Reads the operands of `run [SANDBOX] -- CMD…`.
 * @returns The sandbox that CMD runs in.
 * @throws {GondolinError} CLI_USAGE when no sandbox is given and there are several, or when steps are given too.
 */
export function selectCommandSandbox(plan: Plan, operands: readonly string[]): string {
  const names = plan.sandboxes.map(({ name }) => name);
  const [word, ...rest] = operands;
  if (rest.length > 0) {
    throw usageError(
      'only a sandbox may precede `--`',
      'Write gondolin run SANDBOX -- CMD: the command replaces the steps.',
    );
  }
  if (word !== undefined) {
    if (!names.includes(word)) throw unknownName('sandbox', word, names);
    return word;
  }
  const [only, ...others] = names;
  if (only === undefined || others.length > 0) {
    throw usageError(
      'a command runs in one sandbox, and the project has several',
      `Write gondolin run SANDBOX -- CMD with one of: ${names.join(', ')}.`,
    );
  }
  return only;
}
