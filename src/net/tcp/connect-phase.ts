import type { Duplex } from 'node:stream';
import type { GondolinError } from '../../errors/gondolin-error.ts';
import { reset } from './splice.ts';
import { systemCode } from './system-code.ts';

/** Returns true while the program's connect() waits for us: for mux streams, until the first read or write. */
export function isConnecting(stream: Duplex): boolean {
  return 'isAccepted' in stream && stream.isAccepted === false;
}

/** Failures of several addresses, the most informative first: a host responded, or a router did. */
const BY_WEIGHT = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'] as const;

/** Returns the errno for the program's connect(), taken from the host's own attempt. */
function connectCode({ code, cause }: GondolinError): string {
  if (code === 'NET_DIAL_TIMEOUT') return 'ETIMEDOUT';
  if (code === 'NET_NAME_UNRESOLVED') return 'EHOSTUNREACH';
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  const codes = causes.map(systemCode);
  return BY_WEIGHT.find((wanted) => codes.includes(wanted)) ?? 'ECONNREFUSED';
}

/** Ends a connection whose server cannot be reached: a waiting connect() fails like the host's; otherwise it is reset. */
export function failConnection(stream: Duplex, error: GondolinError): void {
  if (!isConnecting(stream)) {
    reset(stream);
    return;
  }
  const code = connectCode(error);
  stream.destroy(Object.assign(new Error(error.message, { cause: error }), { code }));
}
