import { type BlockedUse, type HostUse, hostText } from '../../net/audit/network-summary.ts';
import { reasonText } from '../../net/refusal/refusal-text.ts';
import { formatBytes } from '../../util/quantities.ts';
import type { SandboxRecord } from '../run-record.ts';
import { escapeHtml } from './escape-html.ts';

/** Rows of a table; the file of --events has all of them. */
const MAX_ROWS = 100;

/** Columns of numbers. */
const NUMBERS: ReadonlySet<string> = new Set(['Requests', 'Failed', 'Sent', 'Received', 'Times']);

function tableHtml(heads: readonly string[], rows: readonly string[], omitted: number): string {
  if (rows.length === 0) return '';
  const more = Math.max(0, rows.length - MAX_ROWS) + omitted;
  const note = more === 0 ? '' : `<p class="dim">and ${more} more</p>\n`;
  const head = heads
    .map((text) => `<th${NUMBERS.has(text) ? ' class="number"' : ''}>${text}</th>`)
    .join('');
  const shown = rows.slice(0, MAX_ROWS).join('\n');
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${shown}\n</tbody></table>\n${note}`;
}

function number(text: string | number): string {
  return `<td class="number">${text}</td>`;
}

function hostRow(use: HostUse): string {
  const { requests, connections, failed, sentBytes, receivedBytes } = use;
  const cells = [
    requests + connections,
    failed,
    formatBytes(sentBytes),
    formatBytes(receivedBytes),
  ];
  return `<tr><td>${escapeHtml(hostText(use))}</td>${cells.map(number).join('')}</tr>`;
}

function blockedRow(use: BlockedUse): string {
  const why = `${reasonText(use.refusal)}${use.rule === '' ? '' : ` (${use.rule})`}`;
  return `<tr><td class="bad">${escapeHtml(hostText(use))}</td>${number(use.count)}<td>${escapeHtml(why)}</td></tr>`;
}

/** Lists the hosts that a sandbox reached and those it was refused; empty if it did nothing on the network. */
export function networkHtml({ network }: SandboxRecord): string {
  const hosts = ['Host', 'Requests', 'Failed', 'Sent', 'Received'];
  const blocked = ['Blocked', 'Times', 'Reason'];
  return (
    tableHtml(hosts, network.hosts.map(hostRow), network.omittedHosts) +
    tableHtml(blocked, network.blocked.map(blockedRow), network.omittedBlocked)
  );
}
