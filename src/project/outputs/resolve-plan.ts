import type { CommandOutputs, EnvOutputs } from '../../config/config.ts';
import { hasOutputs, spellParts, type TextParts } from '../../config/yaml/output-reference.ts';
import type { SandboxPlan, ServicePlan, StepCommand, StepPlan } from '../../plan/plan.ts';
import { type OutputsOf, resolveForeign, resolveText, type TextUse } from './resolve-text.ts';

/** Returns texts whose outputs are to be known: the parts of a command, or of a variable. */
type Resolve = (parts: TextParts, use: TextUse) => TextParts;

function resolveCommand<Command extends StepCommand>(
  command: Command,
  outputs: CommandOutputs | null,
  resolve: Resolve,
): { command: StepCommand; outputs: CommandOutputs | null } {
  if (outputs === null) return { command, outputs };
  const use = command.kind === 'shell' ? 'script' : 'plain';
  const resolved = outputs.map((parts) => resolve(parts, use));
  const texts = resolved.map(spellParts);
  return {
    command:
      command.kind === 'shell'
        ? { kind: 'shell', script: texts[0] ?? '' }
        : { kind: 'argv', argv: texts },
    outputs: resolved.some(hasOutputs) ? resolved : null,
  };
}

function resolveEnv(
  env: Readonly<Record<string, string>>,
  outputs: EnvOutputs,
  resolve: Resolve,
): { env: Readonly<Record<string, string>>; envOutputs: EnvOutputs } {
  const resolved = Object.entries(outputs).map(
    ([name, parts]) => [name, resolve(parts, 'plain')] as const,
  );
  return {
    env: {
      ...env,
      ...Object.fromEntries(resolved.map(([name, parts]) => [name, spellParts(parts)])),
    },
    envOutputs: Object.fromEntries(resolved.filter(([, parts]) => hasOutputs(parts))),
  };
}

function stepWith(step: StepPlan, resolve: Resolve): StepPlan {
  const { command, outputs: runOutputs } = resolveCommand(step.command, step.runOutputs, resolve);
  return { ...step, command, runOutputs, ...resolveEnv(step.env, step.envOutputs, resolve) };
}

function serviceWith(service: ServicePlan, resolve: Resolve): ServicePlan {
  const { command, outputs: runOutputs } = resolveCommand(
    service.command,
    service.runOutputs,
    resolve,
  );
  const check = service.healthcheck;
  if (check === null) return { ...service, command, runOutputs };
  const test = resolveCommand(check.command, check.testOutputs, resolve);
  const healthcheck = { ...check, command: test.command, testOutputs: test.outputs };
  return { ...service, command, runOutputs, healthcheck };
}

function allNow(outputsOf: OutputsOf): Resolve {
  return (parts, use) => [resolveText(parts, outputsOf, use)];
}

/** Returns the step with its outputs. @throws {GondolinError} PROJECT_OUTPUT_MISSING, PROJECT_OUTPUT_UNSAFE */
export function resolveStep(step: StepPlan, outputsOf: OutputsOf): StepPlan {
  return stepWith(step, allNow(outputsOf));
}

/** Returns the service with its outputs. @throws as {@link resolveStep} */
export function resolveService(service: ServicePlan, outputsOf: OutputsOf): ServicePlan {
  return serviceWith(service, allNow(outputsOf));
}

/**
 * Returns the sandbox with the outputs of other sandboxes, so that the keys of its checkpoints depend on them. What is missing for a
 * step or the service stays, and fails with it.
 * @throws {GondolinError} PROJECT_OUTPUT_MISSING for a variable of the sandbox.
 */
export function resolveSandbox(sandbox: SandboxPlan, outputsOf: OutputsOf): SandboxPlan {
  const { name, vm, steps, service } = sandbox;
  const foreign: Resolve = (parts, use) => resolveForeign(parts, name, outputsOf, use);
  return {
    ...sandbox,
    vm: { ...vm, ...resolveEnv(vm.env, vm.envOutputs, allNow(outputsOf)) },
    steps: steps.map((step) => stepWith(step, foreign)),
    service: service === null ? null : serviceWith(service, foreign),
  };
}
