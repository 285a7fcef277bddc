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

/** The destination of a guest's connection. */
interface Place {
  readonly name: string;
  readonly isLiteral: boolean;
  readonly port: number;
}

/** Judges a destination for one transport. */
export function judgeConnection(
  policy: Pick<PolicyJudge, 'decideConnection'>,
  { name, isLiteral, port }: Place,
  transport: JudgedTransport,
): Verdict {
  return policy.decideConnection({ name: isLiteral ? null : name, address: name, port, transport });
}

/** Judges a destination for each transport that its first bytes tell apart. */
export function judgeTransports(
  policy: Pick<PolicyJudge, 'decideConnection'>,
  place: Place,
): Verdicts {
  const decide = (transport: JudgedTransport) => judgeConnection(policy, place, transport);
  return { https: decide('https'), http: decide('http'), tcp: decide('tcp') };
}

/** Returns the usual transport of a port, for a connection without bytes. */
export function transportMeant(port: number): keyof Verdicts {
  if (port === 443) return 'https';
  return port === 80 ? 'http' : 'tcp';
}

/** Returns the refusal of a verdict; null if it allows. */
export function refusalIn(verdict: Verdict): Blocked | null {
  return verdict.isAllowed ? null : verdict;
}
