/** Parts of a variable's name that say it holds a credential. */
const NAME =
  /PASS|PWD|SECRET|TOKEN|KEY|CRED|AUTH|PRIVATE|COOKIE|SESSION|SIGN|SALT|DSN|JWT|BEARER|(?:^|_)(?:PAT|PIN|CERT|PEM)(?:_|$)/i;

/** `https://user:password@host`. */
const USER_INFO = /:\/\/[^/\s]*@/;

/** A run of characters as keys and hashes have it: 20 or more of base64 or hex, letters and digits mixed. */
const RUN = /[A-Za-z0-9+/_=.-]{20,}/g;

/**
 * True when a variable of the host may be a credential, by its name or by what its value looks like: it is not printed.
 * In doubt true. Pure.
 */
export function looksSecret(name: string, value: string): boolean {
  if (NAME.test(name) || USER_INFO.test(value)) return true;
  return (value.match(RUN) ?? []).some((run) => /[A-Za-z]/.test(run) && /[0-9]/.test(run));
}
