import type { SecretValue } from './secret-value.ts';

/** The source of a value. The first three have the shape of the plan's secrets. */
export type SecretSource =
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Runs on the host in `directory`; its standard output is the value. A string is run by a shell, a list without one. */
  | {
      readonly kind: 'command';
      readonly command: string | readonly string[];
      readonly directory: string;
    }
  | { readonly kind: 'value'; readonly value: SecretValue };

/** A credential of one VM. */
export interface SecretOptions {
  /** Name of the guest's variable with the placeholder: letters, digits and `_`, not starting with a digit. */
  readonly name: string;
  /** Entries as in `allowed_hosts` (docs/network.md), except `*` and `/tcp`; an entry without a port covers every port. */
  readonly hosts: readonly string[];
  readonly from: SecretSource;
  /** Header fields that may carry it, in any case; an empty list is every field. @default every field */
  readonly headers?: readonly string[];
  /** Insert it into the query of URLs too. @default false */
  readonly query?: boolean;
  /** Send it over plain HTTP too. @default false */
  readonly allowHttp?: boolean;
}

/** A secret whose value has been read. Safe to print. */
export interface ResolvedSecret extends Omit<SecretOptions, 'from'> {
  readonly value: SecretValue;
}

/** A secret of a running VM, with what it has been. Safe to print. */
export interface LiveSecret extends ResolvedSecret {
  /** Earlier values, the newest first: still taken out of responses, never sent. @default none */
  readonly formerValues?: readonly SecretValue[];
  /** Its value is sent nowhere any more, and its placeholder is refused. @default false */
  readonly isRevoked?: boolean;
}
