import type { UpstreamProxyConfig } from '../config.ts';
import { getChild, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, textOr } from './check-context.ts';
import { readSecretSource } from './read-secret-source.ts';

const FIELD = 'network.upstream_proxy';
const URL_FORM = /^(?:https?|socks5):\/\/(?:\[[0-9a-f:.]+\]|[^\s@/?#[\]:]+)(?::[0-9]{1,5})?\/?$/i;

/** Reports a URL that names no proxy. Nothing of it is shown: it may hold a password. */
function checkUrl(context: CheckContext, node: SourceNode, url: string): void {
  if (url.includes('@')) {
    const hint =
      'Remove the credentials from the URL, and name their source: credentials: { env: PROXY_CREDENTIALS }.';
    const message = `${FIELD}: credentials must not be in the file`;
    report(context, node, 'secret_inline', message, hint);
  } else if (!URL_FORM.test(url)) {
    const want = 'want http://host:port, https://host:port or socks5://host:port';
    report(context, node, 'bad_value', `${FIELD}: ${want}`);
  }
}

/** Reads `network.upstream_proxy`: a URL, or a map. @param readHosts  Reads the host patterns of `no_proxy`. */
export function readUpstreamProxy(
  context: CheckContext,
  node: SourceNode | undefined,
  readHosts: (node: SourceNode | undefined) => string[],
): UpstreamProxyConfig | null {
  const at = isScalar(node) ? node : getChild(node, 'url');
  if (!isScalar(at)) return null;
  checkUrl(context, at, at.text);
  const credentials = getChild(node, 'credentials');
  return {
    url: at.text,
    credentials:
      credentials === undefined
        ? null
        : readSecretSource(context, credentials, { field: `${FIELD}.credentials`, variable: '' }),
    noProxy: readHosts(getChild(node, 'no_proxy')),
    resolve: textOr(getChild(node, 'resolve'), 'local') === 'proxy' ? 'proxy' : 'local',
  };
}
