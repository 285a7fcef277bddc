import type { SecretValue } from './secret-value.ts';

/** Where a value comes from. The first three have the shape of the plan's secrets. */
export type SecretSource =
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Runs on the host, in `directory`; its standard output is the value. A string runs by a shell, a list without. */
  | {
      readonly kind: 'command';
      readonly command: string | readonly string[];
      readonly directory: string;
    }
  | { readonly kind: 'value'; readonly value: SecretValue };

/** A credential of one VM. */
export interface SecretOptions {
  /** Of the guest's variable that holds the placeholder: letters, digits and `_`, not starting with a digit. */
  readonly name: string;
  /** Entries as in `allowed_hosts` (docs/network.md), but neither `*` nor `/tcp`; without a port every one. */
  readonly hosts: readonly string[];
  readonly from: SecretSource;
  /** Fields of requests that it belongs in, in any case; an empty list is every field. @default every field */
  readonly headers?: readonly string[];
  /** Also put into the query of URLs. @default false */
  readonly query?: boolean;
  /** Also over plain HTTP. @default false */
  readonly allowHttp?: boolean;
}

/** A secret whose value has been read. Safe to print. */
export interface ResolvedSecret extends Omit<SecretOptions, 'from'> {
  readonly value: SecretValue;
}
