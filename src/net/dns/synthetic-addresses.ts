import { createHash } from 'node:crypto';
import { formatAddress, parseAddress, unwrapMapped } from '../../address/ip-address.ts';

/** The two addresses that represent one name inside a VM. */
export interface SyntheticPair {
  readonly v4: string;
  readonly v6: string;
}

/**
 * 198.18.0.0/15 (RFC 2544): set aside for benchmarks and routed nowhere. Container engines in the guest
 * hand out 10/8, 172.16/12 and 192.168/16 (podman up to 10.255), Tailscale uses 100.64/10, and some programs refuse 240/4.
 * Other tools that return made-up addresses use this block too.
 */
export const SYNTHETIC_V4 = '198.18.0.0/15';
/** A unique-local prefix (RFC 4193) of this program: its global id spells "gondo". The low 32 bits are the IPv4 address. */
export const SYNTHETIC_V6 = 'fd67:6f6e:646f::/64';

const V4_BASE = 0xc612_0000;
const V6_BASE = 0xfd67_6f6e_646fn << 80n;
/** Last octets 1..254: old programs treat .0 and .255 as network and broadcast addresses. */
const HOSTS_PER_BLOCK = 254;
const SLOTS = 512 * HOSTS_PER_BLOCK;
/** A quarter of the slots, so that free ones stay easy to find, whatever names a guest makes up. About 8 MB. */
const DEFAULT_CAPACITY = 32_768;

function slotAddress(slot: number): number {
  return V4_BASE + Math.floor(slot / HOSTS_PER_BLOCK) * 256 + (slot % HOSTS_PER_BLOCK) + 1;
}

function slotAddresses(slot: number): SyntheticPair {
  const v4 = BigInt(slotAddress(slot));
  return {
    v4: formatAddress({ family: 4, value: v4 }),
    v6: formatAddress({ family: 6, value: V6_BASE | v4 }),
  };
}

/** Returns the slot of an address of either pool, or null. `isInPool` is true for unused addresses too. */
function locate(text: string): { isInPool: boolean; slot: number | null } {
  const parsed = parseAddress(text);
  const address = parsed && unwrapMapped(parsed);
  if (!address) return { isInPool: false, slot: null };
  const isV6 = address.family === 6;
  if (isV6 && address.value >> 64n !== V6_BASE >> 64n) return { isInPool: false, slot: null };
  const low = isV6 ? address.value - V6_BASE : address.value;
  const offset = Number(low) - V4_BASE;
  const isInBlock = offset >= 0 && offset < 512 * 256;
  const host = offset & 0xff;
  if (!isInBlock || host === 0 || host === 255) return { isInPool: isV6 || isInBlock, slot: null };
  return { isInPool: true, slot: (offset >> 8) * HOSTS_PER_BLOCK + host - 1 };
}

/**
 * Maps names to made-up addresses and back, one pool per VM. The slot of a name follows from its hash, so that it nearly
 * always gets the same address, also in another process after a restore; {@link names} preserves the rest. Bounded: beyond
 * `capacity` the least recently used name loses its slot. Names are canonical, see parseHost.
 */
export class SyntheticAddresses {
  readonly #capacity: number;
  /** Name → slot; least recently used first. */
  readonly #slots = new Map<string, number>();
  readonly #names = new Map<number, string>();

  /**
   * @param options.capacity  Most names, 1..32768.
   * @param options.names     Names to assign at once, in order: the policy's own, or `names` of a saved VM.
   */
  constructor(options: { readonly capacity?: number; readonly names?: Iterable<string> } = {}) {
    this.#capacity = Math.max(1, Math.min(options.capacity ?? DEFAULT_CAPACITY, DEFAULT_CAPACITY));
    for (const name of options.names ?? []) this.addressesFor(name);
  }

  /** Names in the pool, least recently used first, for the new pool after a restore. */
  get names(): readonly string[] {
    return [...this.#slots.keys()];
  }

  /** Returns the addresses of a name; the first call assigns them. */
  addressesFor(name: string): SyntheticPair {
    const known = this.#slots.get(name);
    if (known !== undefined) {
      this.#touch(name, known);
      return slotAddresses(known);
    }
    if (this.#slots.size >= this.#capacity) this.#evict();
    const slot = this.#freeSlot(name);
    this.#slots.set(name, slot);
    this.#names.set(slot, name);
    return slotAddresses(slot);
  }

  /** Returns the name of an address, or null. @param address  Untrusted text. */
  findName(address: string): string | null {
    const { slot } = locate(address);
    const name = slot === null ? undefined : this.#names.get(slot);
    if (slot === null || name === undefined) return null;
    this.#touch(name, slot);
    return name;
  }

  /** Returns true for every address of the two pools, with or without a name: none is ever dialled. */
  owns(address: string): boolean {
    return locate(address).isInPool;
  }

  #touch(name: string, slot: number): void {
    this.#slots.delete(name);
    this.#slots.set(name, slot);
  }

  #evict(): void {
    const [oldest] = this.#slots;
    if (oldest === undefined) return;
    this.#slots.delete(oldest[0]);
    this.#names.delete(oldest[1]);
  }

  /** Tries eight slots of the hash, then the next free one: at most a quarter of all slots is in use. */
  #freeSlot(name: string): number {
    const digest = createHash('sha256').update(name).digest();
    let slot = 0;
    for (let offset = 0; offset < digest.length; offset += 4) {
      slot = digest.readUInt32BE(offset) % SLOTS;
      if (!this.#names.has(slot)) return slot;
    }
    while (this.#names.has(slot)) slot = (slot + 1) % SLOTS;
    return slot;
  }
}
