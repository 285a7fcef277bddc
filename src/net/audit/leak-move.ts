import type { LeakPlace, LeakReason } from './network-event.ts';

/** What to do about a placeholder that was refused, for people: `send it in a header`. */
export function leakMove({
  place,
  reason,
}: {
  readonly place: LeakPlace;
  readonly reason: LeakReason;
}): string {
  if (reason === 'host_not_listed')
    return 'if it may have the value, add it to the hosts of that secret';
  if (reason === 'not_tls') return 'use https, or set allow_http on that secret';
  if (place === 'query') return 'send it in a header, or set query on that secret';
  if (place === 'header')
    return 'send it whole, as the value of a header that the secret allows or in Basic credentials';
  return 'send it in a header';
}
