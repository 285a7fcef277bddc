import type { Blocked } from '../refusal/refusal.ts';
import type { JudgedTransport } from '../transport.ts';
import type { PolicyJudge } from './compile-policy.ts';

/** Why something that an update refuses has ended, for its event. */
export const LOST_PERMISSION = 'the policy no longer allows it';

/** A connection or request that was let through earlier. */
export interface OpenPlace {
  readonly name: string;
  readonly isLiteral: boolean;
  readonly port: number;
  readonly transport: JudgedTransport;
  /** The dialled address; null while none has been dialled, or a proxy dials. */
  readonly address: string | null;
  /** The user has allowed it. @default false */
  readonly isGranted?: boolean;
}

/** Returns why a policy would not let it through now, or null. */
export function openRefusal(
  policy: Pick<PolicyJudge, 'decideConnection' | 'decideAddress' | 'extraHost'>,
  { name, isLiteral, port, transport, address, isGranted = false }: OpenPlace,
): Blocked | null {
  const host = isLiteral ? null : name;
  const verdict = policy.decideConnection({
    name: host,
    address: name,
    port,
    transport,
    isGranted,
  });
  if (!verdict.isAllowed) return verdict;
  if (address === null) return null;
  const dialledPort = host === null ? port : (policy.extraHost(host)?.port ?? port);
  const dialled = policy.decideAddress(address, host, dialledPort);
  return dialled.isAllowed ? null : dialled;
}
