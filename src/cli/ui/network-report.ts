import {
  type BlockedUse,
  type HostUse,
  hostText,
  type NetworkSummary,
} from '../../net/audit/network-summary.ts';
import type { SandboxResult } from '../../project/run-result.ts';
import { formatBytes } from '../../util/quantities.ts';
import { blockedText } from './block-text.ts';
import { plainText } from './text/describe.ts';
import type { Paint } from './text/paint.ts';
import { formatTable } from './text/table.ts';

/** Rows shown of each kind; the file of --events has the rest. */
const MAX_ROWS = 20;

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function useRow(use: HostUse): string[] {
  const counts = [
    use.requests > 0 ? countText(use.requests, 'request') : '',
    use.connections > 0 ? countText(use.connections, 'connection') : '',
    use.failed > 0 ? `${use.failed} failed` : '',
  ].filter((text) => text !== '');
  const bytes = `${formatBytes(use.sentBytes)} sent, ${formatBytes(use.receivedBytes)} received`;
  return [plainText(hostText(use)), counts.join(', '), bytes];
}

function blockedRow(use: BlockedUse): string[] {
  const why = use.count === 1 ? blockedText(use) : `${use.count} times: ${blockedText(use)}`;
  return [plainText(hostText(use)), plainText(why)];
}

/** Formats rows as an indented table, with the number of rows that are not shown. */
function tableLines(rows: readonly string[][], omitted: number): string[] {
  const more = Math.max(0, rows.length - MAX_ROWS) + omitted;
  const lines = formatTable(rows.slice(0, MAX_ROWS)).map((line) => `    ${line}`);
  return more === 0 ? lines : [...lines, `    and ${more} more`];
}

/** Returns a YAML scalar, quoted where a plain one would mean something else. */
function yamlText(entry: string): string {
  return /^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*(?::\d+(?:\/tcp)?)?$/.test(entry)
    ? entry
    : JSON.stringify(entry);
}

function listLines(key: string, entries: readonly string[], note = ''): string[] {
  if (entries.length === 0) return [];
  const shown = entries.slice(0, MAX_ROWS).map((entry) => `        - ${yamlText(entry)}`);
  const more = entries.length - shown.length;
  return [`      ${key}:${note}`, ...shown, ...(more > 0 ? [`        # and ${more} more`] : [])];
}

function toAllowLines(name: string, { allowedHosts, allowedPrivate }: NetworkSummary['toAllow']) {
  const lists = [
    ...listLines('allowed_hosts', allowedHosts),
    ...listLines(
      'allowed_private',
      allowedPrivate,
      '  # opens a private network: only if you intend to',
    ),
  ];
  if (lists.length === 0) return [];
  return [
    `  to allow it, add to sandbox ${plainText(name)} in gondolin.yaml:`,
    '    network:',
    ...lists,
  ];
}

/** Lists what a sandbox was refused on the network, with the YAML that would allow it; empty if nothing was. */
export function blockedLines({ name, network }: SandboxResult, paint: Paint): string[] {
  const { blocked, omittedBlocked, toAllow } = network;
  if (blocked.length === 0) return [];
  return [
    paint('yellow', `  blocked on the network: ${network.blockedCount}`),
    ...tableLines(blocked.map(blockedRow), omittedBlocked),
    ...toAllowLines(name, toAllow),
  ];
}

/** Lists what a sandbox did on the network and what it was refused; empty if it did nothing. */
export function networkLines(sandbox: SandboxResult, paint: Paint): string[] {
  const { hosts, omittedHosts } = sandbox.network;
  const reached =
    hosts.length === 0
      ? []
      : [paint('dim', '  network'), ...tableLines(hosts.map(useRow), omittedHosts)];
  return [...reached, ...blockedLines(sandbox, paint)];
}
