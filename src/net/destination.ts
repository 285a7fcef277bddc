/** The destination of a guest connection. */
export interface Destination {
  /** The name that the guest asked DNS for, in lower case without a trailing dot, or the address it dialled (`isLiteral`). */
  readonly name: string;
  readonly isLiteral: boolean;
  /** 1..65535 */
  readonly port: number;
}
