import type { NetworkEvent } from '../../../src/net/audit/network-event.ts';
import type { Canaries } from './canaries.ts';
import type { SpyName } from './spies.ts';

/** What a row may need to know when it is made into a shell line. */
export interface Target {
  readonly canaries: Pick<Canaries, 'port' | 'addresses'>;
  /** An address of this host that is not loopback, IPv4. */
  readonly hostAddress: string;
  /** What the guest's variable TOKEN holds. */
  readonly placeholder: string;
  /** Loopback port of the server behind a name. */
  readonly ports: Readonly<Record<SpyName, number>>;
}

/** One thing a hostile guest tries, as root. */
export interface Attack {
  readonly name: string;
  /** Shell line for bash in the guest. */
  readonly line: (to: Target) => string;
  /** What the guest must see. */
  readonly sees: RegExp;
  /** And what it must not. */
  readonly seesNot?: RegExp;
  /** What the servers that policy allows must have received. @default nothing */
  readonly arrives?: RegExp | 'anything';
  /** An event the host must have told. */
  readonly event?: Partial<Record<'kind' | 'reason' | 'place', string>> & {
    readonly kind: NetworkEvent['kind'];
  };
}

/** Every which row is tried where not all are asked for: a guest under TCG takes half a second for one. */
const EVERY = 45;

/** All rows with GONDOLIN_ALL_ATTACKS=1 (`npm run test:attacks`), else one in 45. */
export function chosen(attacks: readonly Attack[]): readonly Attack[] {
  const isAll = process.env['GONDOLIN_ALL_ATTACKS'] === '1';
  return isAll ? attacks : attacks.filter((_, index) => index % EVERY === 0);
}

/** A refusal with this reason. */
export function refused(reason: string): RegExp {
  return new RegExp(`reason: ${reason}\\b`);
}

/** The guest's connection broke. */
export const BROKEN =
  /reset by peer|Connection refused|Could not resolve|Empty reply|ECONNRESET|unreachable|alert|SSL_ERROR|unexpected eof|errno=104|errno 107|Failed to connect|exit [1-9]/i;
