/** A secret in the form `NAME@hosts` or `NAME=VALUE@hosts`, taken apart and not checked further. */
export interface SecretText {
  readonly name: string;
  /** Null without `=`. */
  readonly value: string | null;
  /** Trimmed, without empty ones. */
  readonly hosts: readonly string[];
}

/** Splits at the last `@`, then at the first `=`, and the hosts at commas. Returns null without `@`. Pure. */
export function splitSecretText(text: string): SecretText | null {
  const at = text.lastIndexOf('@');
  if (at < 0) return null;
  const before = text.slice(0, at);
  const equals = before.indexOf('=');
  const hosts = text.slice(at + 1).split(',');
  return {
    name: equals < 0 ? before : before.slice(0, equals),
    value: equals < 0 ? null : before.slice(equals + 1),
    hosts: hosts.map((host) => host.trim()).filter((host) => host !== ''),
  };
}
