import { formatHostPattern } from '../address/host-pattern.ts';
import { parseHostPattern, redactPattern } from '../address/parse-host-pattern.ts';
import type { SecretConfig } from '../config/config.ts';
import { parseSecretReference } from '../config/parse-secret.ts';
import type { Plan, SandboxPlan } from '../plan/plan.ts';

import { usageError } from './usage-error.ts';

/** Options that let the guests of one run reach more hosts. */
export interface NetworkFlags {
  readonly allowHost?: readonly string[];
  readonly hostSecret?: readonly string[];
}

const SECRET_MOVE =
  'Write --host-secret NAME@api.example.com; the value is read from the variable NAME in your environment.';

/** Returns the canonical text of a value of `--allow-host`. */
function readAllowHost(text: string): string {
  const { pattern, problem, fix } = parseHostPattern(text);
  if (pattern !== undefined) return formatHostPattern(pattern);
  throw usageError(`--allow-host ${JSON.stringify(redactPattern(text))}: ${problem}`, fix);
}

/** Parses a value of `--host-secret`. Errors show only a valid name, because the text may contain the secret. */
function parseHostSecret(text: string): SecretConfig {
  const result = parseSecretReference(text);
  if (result.secret === undefined) {
    const { isInline, problem } = result;
    throw isInline
      ? usageError(
          '--host-secret: every user of this machine can read a value on the command line',
          'Export the variable NAME and write --host-secret NAME@host. Replace the secret if others could have seen it.',
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

function addToSandbox(
  sandbox: SandboxPlan,
  hosts: readonly string[],
  secrets: readonly SecretConfig[],
): SandboxPlan {
  const { name, network, vm, steps } = sandbox;
  if (network.mode === 'none') {
    throw usageError(
      `sandbox ${name} has network.mode none: --allow-host and --host-secret cannot change that`,
      'Choose another sandbox, or change its network.mode.',
    );
  }
  const twice = secrets.find((secret) => sandbox.secrets.some((own) => own.name === secret.name));
  if (twice !== undefined) {
    throw usageError(`--host-secret: sandbox ${name} already has a secret named ${twice.name}`);
  }
  const names = secrets.map((secret) => secret.name);
  const all = [...network.allowedHosts, ...hosts, ...secrets.flatMap((secret) => secret.hosts)];
  return {
    ...sandbox,
    network: { ...network, allowedHosts: [...new Set(all)] },
    secrets: [...sandbox.secrets, ...secrets],
    // The guest gets only a placeholder under this name.
    vm: { ...vm, env: without(vm.env, names) },
    steps: steps.map((step) => ({ ...step, env: without(step.env, names) })),
  };
}

/**
 * Returns the plan with the hosts of `--allow-host` and the secrets of `--host-secret` added to each of its sandboxes.
 * @throws {GondolinError} CLI_USAGE, which shows no part of a `--host-secret` except a valid name.
 */
export function withNetworkFlags(plan: Plan, flags: NetworkFlags): Plan {
  const hosts = (flags.allowHost ?? []).map(readAllowHost);
  const secrets = (flags.hostSecret ?? []).map(parseHostSecret);
  if (hosts.length === 0 && secrets.length === 0) return plan;
  if (new Set(secrets.map(({ name }) => name)).size < secrets.length) {
    throw usageError('--host-secret: the same name was given twice');
  }
  return { ...plan, sandboxes: plan.sandboxes.map((one) => addToSandbox(one, hosts, secrets)) };
}
