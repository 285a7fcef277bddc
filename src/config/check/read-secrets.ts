import { coversPattern } from '../../address/host-pattern.ts';
import { parseHostPattern } from '../../address/parse-host-pattern.ts';
import { isVariableName } from '../../util/variable-name.ts';
import type { NetworkConfig, SecretConfig, SecretSourceConfig } from '../config.ts';
import { parseSecretReference } from '../parse-secret.ts';
import { getChild, getItems, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, flagOr, isScalar, report, textOr } from './check-context.ts';
import { readHostPattern } from './read-network.ts';
import { readSecretSource } from './read-secret-source.ts';

/** The rest of a sandbox that its secrets must agree with. */
export interface SecretPlace {
  readonly network: NetworkConfig;
  /** Variables that the guest receives, with the key of the project file that sets each. */
  readonly variables: ReadonlyMap<string, string>;
}

/** A secret is sent in HTTP requests only, and not to whole networks. */
const FORM = { allowsTcp: false, allowsWide: false } as const;

/** Reads a secret in the short form. Only a valid name is ever shown: the rest of the text may be a value. */
function readShort(context: CheckContext, node: SourceNode, text: string): SecretConfig | null {
  const result = parseSecretReference(text);
  if (result.secret === undefined) {
    const { problem, isInline } = result;
    const inline = 'secrets: the value of a secret must not be in the file';
    if (isInline) report(context, node, 'secret_inline', inline);
    else report(context, node, 'bad_value', `secrets: ${problem}`);
    return null;
  }
  const { name, hosts, hostProblems } = result.secret;
  for (const one of hostProblems) report(context, node, 'host_pattern', `secrets: ${one}`);
  const from: SecretSourceConfig = { kind: 'env', variable: name };
  return { name, hosts, headers: [], from, query: false, allowHttp: false };
}

function readLong(context: CheckContext, node: SourceNode): SecretConfig | null {
  const name = textOr(getChild(node, 'name'), '');
  if (!isVariableName(name)) return null;
  const hosts = getItems(getChild(node, 'hosts'))
    .filter(isScalar)
    .map((host) => readHostPattern(context, host, `secrets: ${name}: hosts`, FORM))
    .filter((host) => host !== null);
  const headers = getItems(getChild(node, 'headers')).map((item) => textOr(item, '').toLowerCase());
  return {
    name,
    hosts: [...new Set(hosts)],
    headers: [...new Set(headers)],
    from: readSecretSource(context, getChild(node, 'from'), {
      field: 'secrets: from',
      variable: name,
    }),
    query: flagOr(getChild(node, 'query'), false),
    allowHttp: flagOr(getChild(node, 'allow_http'), false),
  };
}

function covers(list: readonly string[], host: string): boolean {
  const inner = parseHostPattern(host).pattern;
  return list.some((text) => {
    const outer = parseHostPattern(text).pattern;
    return outer !== undefined && inner !== undefined && coversPattern(outer, inner);
  });
}

/** Reports what would make a secret useless, or reveal it to the guest. */
function checkSecret(
  context: CheckContext,
  node: SourceNode,
  { name, hosts }: SecretConfig,
  { network, variables }: SecretPlace,
): void {
  const lists = { denied_hosts: network.deniedHosts, passthrough: network.passthrough };
  for (const [key, list] of Object.entries(lists)) {
    const host = hosts.find((entry) => covers(list, entry));
    if (host === undefined) continue;
    const why = key === 'passthrough' ? ', where requests are not opened' : '';
    const message = `secrets: ${name}: ${host} is also in network.${key}${why}`;
    report(context, node, 'secret_host', message);
  }
  const setBy = variables.get(name);
  if (setBy === undefined) return;
  report(
    context,
    node,
    'secret_exposed',
    `secrets: ${name}: ${setBy} sets a variable of this name in the guest`,
  );
}

/** Returns the variables of the host that contain values of `secrets:`, including those of entries with other mistakes. */
export function secretVariables(node: SourceNode | undefined): Set<string> {
  const names = getItems(node).map((item) =>
    isScalar(item)
      ? parseSecretReference(item.text).secret?.name
      : textOr(getChild(getChild(item, 'from'), 'env'), textOr(getChild(item, 'name'), '')),
  );
  return new Set(names.filter((name) => name !== undefined));
}

/** Reads `secrets:` of a sandbox: where each value comes from and may go to, never the value. */
export function readSecretConfigs(
  context: CheckContext,
  node: SourceNode | undefined,
  place: SecretPlace,
): SecretConfig[] {
  const secrets = new Map<string, SecretConfig>();
  for (const item of getItems(node)) {
    const secret = isScalar(item) ? readShort(context, item, item.text) : readLong(context, item);
    if (secret === null) continue;
    if (secrets.has(secret.name)) {
      report(
        context,
        item,
        'duplicate_name',
        `secrets: ${secret.name}: another secret has this name`,
      );
      continue;
    }
    checkSecret(context, item, secret, place);
    secrets.set(secret.name, secret);
  }
  return [...secrets.values()];
}
