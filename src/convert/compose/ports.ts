import { getChild, type SourceNode } from '../../config/yaml/source-node.ts';
import { PortList } from '../port-list.ts';
import { type ComposeService, keyOf, plainTextOf, presentValue } from './compose-service.ts';

const OWN_KEYS = ['target', 'published', 'host_ip', 'protocol', 'mode'];

function bracketed(address: string): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
}

/** Returns the short form of an entry; null with a remark when it has none. */
function shortForm(service: ComposeService, node: SourceNode, key: string): string | null {
  const { remarks } = service.context;
  if (node.kind !== 'map') {
    const text = plainTextOf(service, node, key);
    // A port alone is published on a free port of the host.
    return text !== null && /^\d+(?:-\d+)?(?:\/tcp)?$/.test(text) ? `0:${text}` : text;
  }
  for (const [name, entry] of node.entries) {
    if (!OWN_KEYS.includes(name))
      remarks.leftKey(entry, `${key}.${name}`, 'ports have no such key');
  }
  const texts = ['target', 'published', 'host_ip', 'protocol'].map((name) => {
    const child = getChild(node, name);
    return child === undefined ? '' : plainTextOf(service, child, `${key}.${name}`);
  });
  if (texts.includes(null) || texts[0] === '') return null;
  const [target, published, host, protocol] = texts;
  const address = host ? `${bracketed(host)}:` : '';
  return `${address}${published || '0'}:${target}${protocol && protocol !== 'tcp' ? `/${protocol}` : ''}`;
}

/** Converts `ports`: `0:80` for a range of target ports alone is not a mapping and is noted. */
export function convertPorts(service: ComposeService): readonly string[] | undefined {
  const node = presentValue(service, 'ports');
  if (node === undefined) return undefined;
  const { remarks } = service.context;
  const key = keyOf(service, 'ports');
  const ports = new PortList(remarks);
  for (const item of node.kind === 'list' ? node.items : [node]) {
    const text = shortForm(service, item, key);
    if (text !== null) ports.add(item, key, text);
  }
  if (ports.entries.length === 0) return undefined;
  remarks.changed(node, key, 'they listen on 127.0.0.1 unless an address is given');
  return ports.entries;
}
