import { isIP } from 'node:net';

/** Either a block in its one form (`10.0.0.0/8`, or an address alone), or what is wrong with the text. */
export type AddressBlockResult =
  | { readonly block: string; readonly problem?: never }
  | { readonly problem: string; readonly block?: never };

const GROUP_BITS = 16n;

function bitsOfV4(address: string): bigint {
  return address.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
}

/** The groups of one side of `::`; an IPv4 tail is two of them. */
function groupsOf(side: string): bigint[] {
  if (side === '') return [];
  return side.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const bits = bitsOfV4(group);
    return [bits >> GROUP_BITS, bits & 0xffffn];
  });
}

function bitsOfV6(address: string): bigint {
  const [left = '', right] = address.split('::');
  const head = groupsOf(left);
  const tail = right === undefined ? [] : groupsOf(right);
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => 0n);
  return [...head, ...gap, ...tail].reduce((bits, group) => (bits << GROUP_BITS) | group, 0n);
}

/** Reads `10.0.0.0/8`, `fd00::/8` or an address alone. Pure; the problem never repeats the text. */
export function parseAddressBlock(text: string): AddressBlockResult {
  const [address = '', prefix, ...more] = text.split('/');
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0 || more.length > 0) {
    return {
      problem: 'it holds a path or a bad block, want a host alone or a block such as 10.1.0.0/16',
    };
  }
  const lower = address.toLowerCase();
  if (prefix === undefined) return { block: lower };
  const width = family === 4 ? 32 : 128;
  if (!/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > width) {
    return { problem: `the prefix of the block is no number from 0 to ${width}` };
  }
  const bits = family === 4 ? bitsOfV4(lower) : bitsOfV6(lower);
  const free = BigInt(width - Number(prefix));
  if ((bits >> free) << free !== bits) {
    return { problem: 'bits behind the prefix must be 0: want the first address of the block' };
  }
  return { block: `${lower}/${prefix}` };
}
