import { parseAddress } from '../../address/ip-address.ts';
import {
  LOOPBACK,
  MAX_PORT_MAPPINGS,
  type PortMapping,
  type PortMappingResult,
  pairPorts,
  parseListenAddress,
  parsePortMapping,
} from '../../address/parse-port-mapping.ts';
import { ISSUE_HINTS } from '../issue.ts';
import { getChild, getItems, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, shownText, textOr } from './check-context.ts';

/** Reads the map form. Null when a key is missing or of the wrong kind, which the schema has reported. */
function parseLong(node: SourceNode): PortMappingResult | null {
  const target = getChild(node, 'target');
  if (!isScalar(target)) return null;
  const address = textOr(getChild(node, 'host_ip'), LOOPBACK);
  const host = parseListenAddress(address);
  if (host === null) {
    return { problem: 'host_ip is not an IP address', fix: `Write ${LOOPBACK} or "::1".` };
  }
  return pairPorts(host, textOr(getChild(node, 'published'), target.text), target.text);
}

function shownEntry(node: SourceNode): string {
  return isScalar(node) ? ` ${JSON.stringify(shownText(node))}:` : '';
}

function isUnspecified(host: string): boolean {
  return parseAddress(host)?.value === 0n;
}

/** Returns true for two entries that cannot both listen: the same port at the same address, or at all addresses. */
function isSamePlace(a: PortMapping, b: PortMapping): boolean {
  if (a.port === 0 || a.port !== b.port) return false;
  if (parseAddress(a.host)?.family !== parseAddress(b.host)?.family) return false;
  return a.host === b.host || isUnspecified(a.host) || isUnspecified(b.host);
}

/** Reads `ports:` of a sandbox: one mapping for each port, ranges taken apart, in file order. */
export function readPorts(context: CheckContext, node: SourceNode | undefined): PortMapping[] {
  const ports: PortMapping[] = [];
  for (const item of getItems(node)) {
    const result = isScalar(item) ? parsePortMapping(item.text) : parseLong(item);
    if (result === null) continue;
    if (result.mappings === undefined) {
      const message = `ports:${shownEntry(item)} ${result.problem}`;
      report(context, item, 'port_mapping', message, `${result.fix} ${ISSUE_HINTS.port_mapping}`);
      continue;
    }
    const { mappings } = result;
    const taken = mappings.find((one) => ports.some((other) => isSamePlace(one, other)));
    if (taken !== undefined) {
      const message = `ports:${shownEntry(item)} another entry listens on port ${taken.port} of the host`;
      report(context, item, 'port_conflict', message);
      continue;
    }
    ports.push(...mappings);
  }
  if (ports.length > MAX_PORT_MAPPINGS && node !== undefined) {
    const message = `ports: ${ports.length} ports, want at most ${MAX_PORT_MAPPINGS}`;
    report(context, node, 'bad_value', message);
  }
  return ports;
}
