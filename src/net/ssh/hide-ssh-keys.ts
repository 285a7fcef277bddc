import type { SshCredential, SshOptions } from './ssh-options.ts';

function hidden(credential: SshCredential): SshCredential {
  const { privateKey, passphrase, ...shown } = credential;
  const secret = (value: unknown) => ({ value, enumerable: false });
  return Object.defineProperties(shown, {
    ...(privateKey === undefined ? {} : { privateKey: secret(privateKey) }),
    ...(passphrase === undefined ? {} : { passphrase: secret(passphrase) }),
  });
}

/** Returns the options with keys and passphrases that neither printing nor JSON shows. */
export function hideSshKeys(options: SshOptions): SshOptions {
  const { credentials } = options;
  if (credentials === undefined) return options;
  const entries = Object.entries(credentials).map(([host, one]) => [host, hidden(one)] as const);
  return { ...options, credentials: Object.fromEntries(entries) };
}
