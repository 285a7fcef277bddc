import { GondolinError } from '../../errors/gondolin-error.ts';
import { isVariableName } from '../../util/variable-name.ts';
import type { LiveSecret } from '../secret/secret-options.ts';
import { checkSecretValue, type SecretValue } from '../secret/secret-value.ts';
import type { NetworkDefinition } from './network-definition.ts';
import type { NetworkUpdate, SecretChange } from './network-update.ts';

/** Secrets of one VM, revoked ones included. */
const MAX_SECRETS = 256;
/** Earlier values of one secret that are still taken out of responses. */
const MAX_FORMER_VALUES = 8;

type Check = (value: unknown) => boolean;

const isTexts: Check = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');
const isObjects: Check = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null);
const isFlag: Check = (value) => typeof value === 'boolean';

const FIELDS: Readonly<Record<keyof NetworkUpdate, readonly [Check, want: string]>> = {
  mode: [
    (value) => ['none', 'allowlist', 'open'].includes(value as string),
    'none, allowlist or open',
  ],
  allowedHosts: [isTexts, 'a list of hosts'],
  deniedHosts: [isTexts, 'a list of hosts'],
  rules: [isObjects, 'a list of rules'],
  blockPrivateIps: [isFlag, 'true or false'],
  allowedPrivate: [isTexts, 'a list of hosts, addresses and blocks'],
  extraHosts: [isObjects, 'a list of { name, address, port }'],
  passthrough: [isTexts, 'a list of hosts'],
  secrets: [(value) => typeof value === 'object' && !Array.isArray(value), 'an object by names'],
};

const SECRET_FIELDS: Readonly<Record<keyof SecretChange, readonly [Check, want: string]>> = {
  value: [(value) => typeof value === 'string', 'a text'],
  hosts: [isTexts, 'a list of hosts'],
  headers: [isTexts, 'a list of header names'],
  query: [isFlag, 'true or false'],
  allowHttp: [isFlag, 'true or false'],
};

function invalid(field: string, problem: string): GondolinError {
  // Nothing of the value is shown: it may be a secret in the wrong place.
  return new GondolinError('NET_UPDATE_INVALID', `network.update: ${field}: ${problem}`, {
    details: { field },
  });
}

/** Returns the fields that are given; `undefined` counts as absent. */
function checkFields<T extends object>(
  given: T,
  fields: Readonly<Record<string, readonly [Check, want: string]>>,
  place: string,
): T {
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of present) {
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (known === undefined) {
      throw invalid(
        `${place}${name}`,
        `no such field, want one of ${Object.keys(fields).join(', ')}`,
      );
    }
    if (!known[0](value)) throw invalid(`${place}${name}`, `want ${known[1]}`);
  }
  return Object.fromEntries(present) as T;
}

/**
 * Returns the definition after an update. Pure; host patterns are checked when the definition is compiled.
 *
 * @throws {GondolinError} NET_UPDATE_INVALID naming the field, or NET_SECRET_INVALID. Neither shows any part of a value.
 */
export function applyUpdate(before: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  if (typeof update !== 'object' || update === null)
    throw invalid('its argument', 'want an object');
  const { secrets = {}, passthrough, ...policy } = checkFields(update, FIELDS, '');
  return {
    ...before,
    policy: { ...before.policy, ...structuredClone(policy) },
    passthrough: passthrough === undefined ? before.passthrough : [...passthrough],
    secrets: changeSecrets(before.secrets, secrets),
  };
}

function changeSecrets(
  before: readonly LiveSecret[],
  changes: NonNullable<NetworkUpdate['secrets']>,
): readonly LiveSecret[] {
  const secrets = new Map(before.map((secret) => [secret.name, secret]));
  for (const [name, change] of Object.entries(changes)) {
    secrets.set(name, changeSecret(name, secrets.get(name), change));
  }
  if (secrets.size > MAX_SECRETS) {
    throw invalid('secrets', `a VM has at most ${MAX_SECRETS} secrets, revoked ones included`);
  }
  return [...secrets.values()];
}

function changeSecret(
  name: string,
  before: LiveSecret | undefined,
  change: SecretChange | null,
): LiveSecret {
  const field = isVariableName(name) ? `secrets.${name}` : 'secrets';
  const isUsed = before !== undefined && before.isRevoked !== true;
  if (change === null) {
    if (before !== undefined) return { ...before, isRevoked: true };
    throw invalid(field, 'there is no secret of this name to revoke');
  }
  if (typeof change !== 'object') throw invalid(field, 'want an object, or null to revoke it');
  const { value, hosts, ...more } = checkFields(change, SECRET_FIELDS, `${field}.`);
  const kept = isUsed ? before : undefined;
  if (hosts === undefined && kept === undefined) {
    throw invalid(`${field}.hosts`, 'a new secret needs its hosts');
  }
  if (value === undefined && kept === undefined) {
    throw invalid(`${field}.value`, 'a new secret needs its value');
  }
  const next = value === undefined ? before?.value : checkSecretValue(name, value);
  // Both are there: see above.
  if (next === undefined) throw invalid(`${field}.value`, 'a new secret needs its value');
  return {
    ...kept,
    ...structuredClone(more),
    name,
    hosts: [...(hosts ?? kept?.hosts ?? [])],
    value: next,
    formerValues: formerValues(before, next),
    isRevoked: false,
  };
}

function formerValues(before: LiveSecret | undefined, next: SecretValue): readonly SecretValue[] {
  if (before === undefined) return [];
  const earlier = [before.value, ...(before.formerValues ?? [])];
  return earlier.filter((one) => one.reveal() !== next.reveal()).slice(0, MAX_FORMER_VALUES);
}
