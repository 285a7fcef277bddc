import type { Blocked } from '../refusal/refusal.ts';
import type { JudgedTransport } from '../transport.ts';
import type { PolicyJudge } from './compile-policy.ts';
import type { Verdict } from './verdict.ts';

/** The verdicts on one destination, before it is known what its connection carries. */
export interface Verdicts {
  readonly https: Verdict;
  readonly http: Verdict;
  readonly tcp: Verdict;
}

/** Judges a destination for each transport. */
export function judgeTransports(
  policy: Pick<PolicyJudge, 'decideConnection'>,
  {
    name,
    isLiteral,
    port,
  }: { readonly name: string; readonly isLiteral: boolean; readonly port: number },
): Verdicts {
  const decide = (transport: JudgedTransport): Verdict =>
    policy.decideConnection({ name: isLiteral ? null : name, address: name, port, transport });
  return { https: decide('https'), http: decide('http'), tcp: decide('tcp') };
}

/** Returns the usual transport of a port, for a connection without bytes. */
export function transportMeant(port: number): JudgedTransport {
  if (port === 443) return 'https';
  return port === 80 ? 'http' : 'tcp';
}

/** Returns the refusal of a verdict; null if it allows. */
export function refusalIn(verdict: Verdict): Blocked | null {
  return verdict.isAllowed ? null : verdict;
}
