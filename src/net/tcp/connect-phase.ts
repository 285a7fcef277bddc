import type { Duplex } from 'node:stream';
import type { GondolinError } from '../../errors/gondolin-error.ts';
import { reset } from './splice.ts';
import { systemCode } from './system-code.ts';

/** True while the program's connect() waits for us: the mux's streams, until somebody reads or writes one. */
export function isConnecting(stream: Duplex): boolean {
  return 'isAccepted' in stream && stream.isAccepted === false;
}

/** Of several addresses that failed in several ways, the one that says most: somebody answered, or a router did. */
const BY_WEIGHT = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'] as const;

/** What the program's connect() comes to, as the host's own did. */
function connectCode({ code, cause }: GondolinError): string {
  if (code === 'NET_DIAL_TIMEOUT') return 'ETIMEDOUT';
  if (code === 'NET_NAME_UNRESOLVED') return 'EHOSTUNREACH';
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  const codes = causes.map(systemCode);
  return BY_WEIGHT.find((wanted) => codes.includes(wanted)) ?? 'ECONNREFUSED';
}

/** Ends a connection whose server cannot be reached: a connect() that waits fails like the host's, any other is reset. */
export function failConnection(stream: Duplex, error: GondolinError): void {
  if (!isConnecting(stream)) {
    reset(stream);
    return;
  }
  const code = connectCode(error);
  stream.destroy(Object.assign(new Error(error.message, { cause: error }), { code }));
}
