import { formatHostPattern } from '../address/host-pattern.ts';
import { parseHostPattern, redactPattern } from '../address/parse-host-pattern.ts';
import type { SecretConfig } from '../config/config.ts';
import { parseSecret } from '../config/parse-secret.ts';
import type { Plan, SandboxPlan } from '../plan/plan.ts';

import { usageError } from './usage-error.ts';

/** Options that widen what the guests of one run may reach. */
export interface NetworkFlags {
  readonly allowHost?: readonly string[];
  readonly hostSecret?: readonly string[];
}

const SECRET_MOVE =
  'Write --host-secret NAME@api.example.com; the value is taken from the variable NAME of your environment.';

/** Reads a value of `--allow-host` into its canonical text. */
function readAllowHost(text: string): string {
  const { pattern, problem, fix } = parseHostPattern(text);
  if (pattern !== undefined) return formatHostPattern(pattern);
  throw usageError(`--allow-host ${JSON.stringify(redactPattern(text))}: ${problem}`, fix);
}

/** A value of `--host-secret`. Nothing of it is shown but a right name: it may hold a value. */
function secretOf(text: string): SecretConfig {
  const result = parseSecret(text);
  if (result.secret === undefined) {
    const { isInline, problem } = result;
    throw isInline
      ? usageError(
          '--host-secret: a value on the command line can be read by everyone on this machine',
          'Export the variable NAME and write --host-secret NAME@host. Change the value if others could see it.',
        )
      : usageError(`--host-secret: ${problem}`, SECRET_MOVE);
  }
  const { name, hosts, hostProblems } = result.secret;
  const [problem] = hostProblems;
  if (problem !== undefined) throw usageError(`--host-secret: ${problem}`, SECRET_MOVE);
  const from = { kind: 'env', variable: name } as const;
  return { name, hosts, headers: [], from, query: false, allowHttp: false };
}

function without(env: Readonly<Record<string, string>>, names: readonly string[]) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

function widened(
  sandbox: SandboxPlan,
  hosts: readonly string[],
  secrets: readonly SecretConfig[],
): SandboxPlan {
  const { name, network, vm, steps } = sandbox;
  if (network.mode === 'none') {
    throw usageError(
      `sandbox ${name} has network.mode none: --allow-host and --host-secret cannot change that`,
      'Name another sandbox, or change its network.mode.',
    );
  }
  const twice = secrets.find((secret) => sandbox.secrets.some((own) => own.name === secret.name));
  if (twice !== undefined) {
    throw usageError(`--host-secret: sandbox ${name} has a secret ${twice.name} of its own`);
  }
  const names = secrets.map((secret) => secret.name);
  const all = [...network.allowedHosts, ...hosts, ...secrets.flatMap((secret) => secret.hosts)];
  return {
    ...sandbox,
    network: { ...network, allowedHosts: [...new Set(all)] },
    secrets: [...sandbox.secrets, ...secrets],
    // The guest gets a placeholder by this name, and nothing else.
    vm: { ...vm, env: without(vm.env, names) },
    steps: steps.map((step) => ({ ...step, env: without(step.env, names) })),
  };
}

/**
 * The plan with the hosts of `--allow-host` allowed and the secrets of `--host-secret` added, in each of its sandboxes.
 * @throws {GondolinError} CLI_USAGE; nothing of a `--host-secret` but a right name is shown.
 */
export function withNetworkFlags(plan: Plan, flags: NetworkFlags): Plan {
  const hosts = (flags.allowHost ?? []).map(readAllowHost);
  const secrets = (flags.hostSecret ?? []).map(secretOf);
  if (hosts.length === 0 && secrets.length === 0) return plan;
  if (new Set(secrets.map(({ name }) => name)).size < secrets.length) {
    throw usageError('--host-secret: the same name is given twice');
  }
  return { ...plan, sandboxes: plan.sandboxes.map((one) => widened(one, hosts, secrets)) };
}
