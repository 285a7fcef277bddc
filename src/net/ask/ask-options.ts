/**
 * A request or connection to a host that no entry of the policy names, and that nothing denies.
 *
 * @example
 * const text = ({ host, port, scheme }: AskQuestion) => `${scheme} to ${host}, port ${port}?`;
 */
export interface AskQuestion {
  /** The name, or the address if there is none. Text of the guest, in its canonical form. */
  readonly host: string;
  readonly port: number;
  /** `tcp`: bytes that nothing reads. */
  readonly scheme: 'https' | 'http' | 'tcp';
  /** Text of the guest; null for `tcp`. */
  readonly method: string | null;
  /** Text of the guest, absolute; null for `tcp`. */
  readonly url: string | null;
}

/**
 * `once`: this request or connection, and those that wait for the same answer. `run`: as long as the VM runs. `never`: neither,
 * and it is not asked again.
 *
 * @example
 * const answers: AskAnswer[] = ['once', 'run', 'never'];
 */
export type AskAnswer = 'once' | 'run' | 'never';

/**
 * Decides about a host that the policy does not name, while the guest waits. A throw or another value counts as `never`.
 *
 * @param options.signal  Aborts when the answer comes too late, or the VM is closed.
 *
 * @example
 * const onAsk: OnAsk = ({ host, scheme }) => {
 *   return scheme === 'https' && host.endsWith('.example.com') ? 'run' : 'never';
 * };
 * const vm = await VM.create({ network: { policy: {}, onAsk } });
 */
export type OnAsk = (
  question: AskQuestion,
  options: { readonly signal: AbortSignal },
) => AskAnswer | Promise<AskAnswer>;

/** A question with its answer. */
export interface AskOutcome extends AskQuestion {
  /** Time of the answer, milliseconds since 1970. */
  readonly timestampMs: number;
  readonly answer: AskAnswer;
  /** `timeout`: the answer came too late. `error`: there was no valid one. Both count as `never`. */
  readonly by: 'answer' | 'timeout' | 'error';
  readonly durationMs: number;
}
