import { isIPv4 } from 'node:net';
import type { Canaries } from './canaries.ts';

/** Addresses of `NAME.any.test`: each leads to this host, or would on some host. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1'],
  loopback9: ['127.9.9.9'],
  loopback6: ['::1'],
  zero: ['0.0.0.0'],
  zero6: ['::'],
  metadata: ['169.254.169.254'],
  'metadata-azure': ['168.63.129.16'],
  'metadata-alibaba': ['100.100.100.200'],
  'metadata-oracle': ['192.0.0.192'],
  metadata6: ['fd00:ec2::254'],
  'link-local': ['169.254.1.1'],
  'link-local6': ['fe80::1'],
  zoned: ['fe80::1%eth0', '::1%lo'],
  cgnat: ['100.64.0.1'],
  private10: ['10.0.0.1'],
  private172: ['172.16.0.1'],
  private192: ['192.168.0.1'],
  'unique-local': ['fd00::2'],
  'site-local': ['fec0::1'],
  multicast: ['224.0.0.1', 'ff02::1'],
  broadcast: ['255.255.255.255'],
  reserved: ['240.0.0.1'],
  benchmark: ['198.18.0.1'],
  mapped: ['::ffff:127.0.0.1'],
  'mapped-hex': ['::ffff:7f00:1'],
  compatible: ['::127.0.0.1'],
  nat64: ['64:ff9b::7f00:1'],
  'nat64-local': ['64:ff9b:1::7f00:1'],
  '6to4': ['2002:7f00:1::1'],
  teredo: ['2001:0:7f00:1::1'],
  translated: ['::ffff:0:127.0.0.1'],
  isatap: ['2001:db8::5efe:7f00:1'],
  short: ['127.1'],
  decimal: ['2130706433'],
  hex: ['0x7f000001'],
  octal: ['0177.0.0.1'],
  name: ['localhost'],
  mixed: ['0x7f.1', '127.0.0.1'],
};

/** Labels of `any.test` that the table of attacks asks for. */
export const SPELLED = Object.keys(SPELLINGS);

let rebindings = 0;

/** What the host's resolver says: hostile, it changes its mind. */
export function answersOf(name: string, to: Canaries, good: string): readonly string[] {
  if (name === 'rebind.test') {
    rebindings += 1;
    return rebindings === 1 ? [good] : ['127.0.0.1'];
  }
  if (name === 'both.test') return ['127.0.0.1', good, '::1'];
  const own = to.addresses.filter((address) => isIPv4(address));
  if (name === 'own.any.test') return to.addresses;
  if (name === 'own-mapped.any.test') return own.map((address) => `::ffff:${address}`);
  return SPELLINGS[name.replace(/\.any\.test$/, '')] ?? ['127.0.0.1'];
}
