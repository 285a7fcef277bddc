import { parseHost } from '../../address/host.ts';
import { canonicalAddress, parseAddress } from '../../address/ip-address.ts';
import { parsePort } from '../../address/port.ts';
import type { ExtraHostConfig } from '../config.ts';

/** Either what a text means, or what is wrong with it. */
export type ExtraHostResult =
  | { readonly host: ExtraHostConfig; readonly problem?: never }
  | { readonly problem: string; readonly host?: never };

/** `address` or `address:port`, an IPv6 address with a port in brackets. */
function splitAddress(text: string): { readonly address: string; readonly port: string | null } {
  if (parseAddress(text) !== null) return { address: text, port: null };
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text);
  return { address: match?.[1] ?? match?.[2] ?? '', port: match?.[3] ?? null };
}

/** Reads `name:address` or `name:address:port`. Pure; the problem never repeats the text. */
export function parseExtraHost(text: string): ExtraHostResult {
  const at = text.indexOf(':');
  if (at < 0) return { problem: 'want name:address or name:address:port' };
  const host = parseHost(text.slice(0, at));
  if (host?.kind !== 'name') {
    return { problem: 'the text before the first : is not a host name' };
  }
  const { address, port: portText } = splitAddress(text.slice(at + 1));
  if (parseAddress(address) === null) {
    return {
      problem: 'want an address after the name, as in api.test:127.0.0.1:8443 or [::1]:8443',
    };
  }
  const port = portText === null ? null : parsePort(portText);
  if (portText !== null && port === null) {
    return { problem: 'its port is not a number from 1 to 65535' };
  }
  return { host: { name: host.name, address: canonicalAddress(address), port } };
}
