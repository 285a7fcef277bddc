import { hostText } from '../../net/audit/network-summary.ts';
import type { NetworkTally } from '../../net/audit/network-tally.ts';
import { reasonText } from '../../net/refusal/refusal-text.ts';

const SHOWN_REFUSALS = 20;

/**
 * Lines about what the making of an image was refused, with what would allow it.
 * @param what  Such as `the setup`.
 * @param key  Where else hosts can be allowed; null for the image's `network:` alone.
 */
export function refusedRequests(tally: NetworkTally, what: string, key: string | null): string[] {
  const { blocked, toAllow } = tally.summary();
  const lines = blocked.slice(0, SHOWN_REFUSALS).map((use) => {
    const times = use.count === 1 ? '' : `, ${use.count} times`;
    return `${what} was refused ${hostText(use)}: ${reasonText(use.refusal)}${times}`;
  });
  const hosts = toAllow.allowedHosts.slice(0, SHOWN_REFUSALS).map((host) => JSON.stringify(host));
  if (hosts.length === 0) return lines;
  const elsewhere = key === null ? '' : `; ${key}`;
  return [
    ...lines,
    `to allow it, add to the image: network: { allowed_hosts: [${hosts.join(', ')}] }${elsewhere}`,
  ];
}
