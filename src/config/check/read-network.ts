import { dirname, resolve } from 'node:path';
import { formatHostPattern } from '../../address/host-pattern.ts';
import {
  type HostPatternForm,
  parseHostPattern,
  redactPattern,
} from '../../address/parse-host-pattern.ts';
import type { ExtraHostConfig, HttpRuleConfig, NetworkConfig } from '../config.ts';
import { DEFAULT_NETWORK } from '../defaults.ts';
import { ISSUE_HINTS } from '../issue.ts';
import { getChild, getItems, type ScalarNode, type SourceNode } from '../yaml/source-node.ts';
import {
  type CheckContext,
  isScalar,
  readPlainKeys,
  report,
  shownText,
  textOr,
} from './check-context.ts';
import { parseExtraHost } from './parse-extra-host.ts';
import { readSsh } from './read-ssh.ts';
import { readUpstreamProxy } from './read-upstream-proxy.ts';

/** The mode when the form is wrong: no network at all, so that nothing is allowed by accident. */
const CLOSED = 'none';

function scalarItems(node: SourceNode | undefined): ScalarNode[] {
  return getItems(node).filter(isScalar);
}

function reportHost(
  context: CheckContext,
  node: ScalarNode,
  key: string,
  problem: string,
  fix?: string,
): void {
  const message = `${key}: ${JSON.stringify(redactPattern(shownText(node)))}: ${problem}`;
  // The fix may repeat a part of the text, which the file itself does not show where a variable put it in.
  const isShowable = fix !== undefined && node.template === undefined;
  const hint = isShowable ? `${fix} ${ISSUE_HINTS.host_pattern}` : undefined;
  report(context, node, 'host_pattern', message, hint);
}

/** Reads one host pattern into its canonical text. Reports one that cannot be used, and returns null. */
export function readHostPattern(
  context: CheckContext,
  node: ScalarNode,
  key: string,
  form: HostPatternForm = {},
): string | null {
  const { pattern, problem, fix } = parseHostPattern(node.text, form);
  if (pattern !== undefined) return formatHostPattern(pattern);
  reportHost(context, node, key, problem, fix);
  return null;
}

/** Reads host patterns in file order, without repeats. */
function readHosts(
  context: CheckContext,
  node: SourceNode | undefined,
  key: string,
  form: HostPatternForm = {},
): string[] {
  const hosts = scalarItems(node).map((item) => readHostPattern(context, item, key, form));
  return [...new Set(hosts.filter((host) => host !== null))];
}

function readExtraHosts(context: CheckContext, node: SourceNode | undefined): ExtraHostConfig[] {
  const hosts: ExtraHostConfig[] = [];
  for (const item of scalarItems(node)) {
    const { host, problem } = parseExtraHost(item.text);
    if (host === undefined) {
      reportHost(context, item, 'network.extra_hosts', problem);
    } else if (hosts.some(({ name }) => name === host.name)) {
      const message = `network.extra_hosts: ${shownText(item)}: another entry has this name`;
      report(context, item, 'duplicate_name', message);
    } else {
      hosts.push(host);
    }
  }
  return hosts;
}

/** Returns the absolute path of a file, and reports one that does not exist. */
function readFilePath(context: CheckContext, node: ScalarNode, key: string): string {
  const path = resolve(dirname(node.span.file.path), node.text);
  const kind = context.access.pathKind(path);
  if (kind === 'missing') report(context, node, 'path_missing', `${key}: no file at ${path}`);
  else if (kind !== 'file')
    report(
      context,
      node,
      'path_kind',
      `${key}: want a file, got a ${kind === 'directory' ? 'directory' : 'device'}: ${path}`,
    );
  return path;
}

function readRules(context: CheckContext, node: SourceNode | undefined): HttpRuleConfig[] {
  const rules: HttpRuleConfig[] = [];
  for (const item of getItems(node)) {
    const host = getChild(item, 'host');
    if (!isScalar(host)) continue;
    const entry = readHostPattern(context, host, 'network.rules', { allowsTcp: false });
    if (entry === null) continue;
    const texts = (key: string) => scalarItems(getChild(item, key)).map(({ text }) => text);
    rules.push({
      host: entry,
      methods: [...new Set(texts('methods').map((method) => method.toUpperCase()))],
      paths: [...new Set(texts('paths'))],
      action: textOr(getChild(item, 'action'), 'allow') === 'deny' ? 'deny' : 'allow',
      reason: textOr(getChild(item, 'reason'), ''),
    });
  }
  return rules;
}

function toMode(node: SourceNode | undefined): NetworkConfig['mode'] {
  const text = textOr(node, DEFAULT_NETWORK.mode);
  return text === 'allowlist' || text === 'open' ? text : CLOSED;
}

/** Reads `network:` of a sandbox. */
export function readNetwork(context: CheckContext, node: SourceNode | undefined): NetworkConfig {
  const get = (key: string) => getChild(node, key);
  const script = get('policy_script');
  return {
    mode: toMode(get('mode')),
    allowedHosts: readHosts(context, get('allowed_hosts'), 'network.allowed_hosts'),
    // A denied name is denied over every transport.
    deniedHosts: readHosts(context, get('denied_hosts'), 'network.denied_hosts', {
      allowsTcp: false,
    }),
    ...readPlainKeys(node, DEFAULT_NETWORK),
    allowedPrivate: readHosts(context, get('allowed_private'), 'network.allowed_private', {
      allowsAny: false,
      allowsTcp: false,
    }),
    extraHosts: readExtraHosts(context, get('extra_hosts')),
    ca: scalarItems(get('ca')).map((item) => readFilePath(context, item, 'network.ca')),
    passthrough: readHosts(context, get('passthrough'), 'network.passthrough', {
      allowsTcp: false,
    }),
    rules: readRules(context, get('rules')),
    policyScript: isScalar(script)
      ? readFilePath(context, script, 'network.policy_script')
      : DEFAULT_NETWORK.policyScript,
    upstreamProxy: readUpstreamProxy(context, get('upstream_proxy'), (hosts) =>
      readHosts(context, hosts, 'network.upstream_proxy.no_proxy', { allowsTcp: false }),
    ),
    ssh: readSsh(context, get('ssh'), {
      hosts: (hosts) => readHosts(context, hosts, 'network.ssh', { allowsTcp: false }),
      path: (path, key) => readFilePath(context, path, key),
    }),
    onBlocked: textOr(get('on_blocked'), DEFAULT_NETWORK.onBlocked) === 'fail' ? 'fail' : 'warn',
  };
}
