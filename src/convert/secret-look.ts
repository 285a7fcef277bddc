import { looksSecret } from '../config/print/looks-secret.ts';

/** Values that are too plain to be a credential, whatever their variable is named. */
const HARMLESS = /^(?:|true|false|yes|no|on|off|none|null)$/i;
/** `--password=x`, `API_KEY=x`, `--token x`: a literal value, not a reference to a variable. */
const CREDENTIAL_OPTION =
  /(?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|credential)[\w-]{0,40}(?:=|\s{1,10})["']?[^\s"'$-]/i;
const USER_INFO = /:\/\/[^/\s:@]*:[^/\s@$]+@/;
/** Beginnings of the credentials of well-known services, keys in PEM, tokens in JWT. */
const TOKEN_SHAPE =
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abpr]-|sk-|npm_|AKIA|eyJ)[A-Za-z0-9_-]{10,}|-----BEGIN /;

/** Returns true when the text of a variable in a foreign file may be a credential. True in case of doubt. */
export function isSecretVariable(name: string, literal: string): boolean {
  return !HARMLESS.test(literal) && looksSecret(name, literal);
}

/** Returns true when a command, path or other free text may contain a credential. */
export function hasCredential(text: string): boolean {
  return CREDENTIAL_OPTION.test(text) || USER_INFO.test(text) || TOKEN_SHAPE.test(text);
}

/** Returns what to tell about a variable whose value was not copied. */
export function secretRemark(name: string): string {
  return `its value may be a credential and was not copied: set ${name} in the environment. A credential for a server belongs in secrets: ${name}@host`;
}
