/** Parts of a variable's name that suggest a credential. */
const NAME =
  /PASS|PWD|SECRET|TOKEN|KEY|CRED|AUTH|PRIVATE|COOKIE|SESSION|SIGN|SALT|DSN|JWT|BEARER|(?:^|_)(?:PAT|PIN|CERT|PEM)(?:_|$)/i;

/** `https://user:password@host`. */
const USER_INFO = /:\/\/[^/\s]*@/;

/** A run of characters as in keys and hashes: 20 or more of base64 or hex. */
const RUN = /[A-Za-z0-9+/_=.-]{20,}/g;

/**
 * Returns true when a variable of the host may be a credential, judging by its name and by the look of its value: it is not
 * printed. True in case of doubt. Pure.
 */
export function looksSecret(name: string, value: string): boolean {
  if (NAME.test(name) || USER_INFO.test(value)) return true;
  return (value.match(RUN) ?? []).some((run) => /[A-Za-z]/.test(run) && /[0-9]/.test(run));
}
