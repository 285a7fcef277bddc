import { TokenBucket } from '../token-bucket.ts';
import type { JudgedTransport } from '../transport.ts';
import type { AskAnswer, AskOutcome, AskQuestion, OnAsk } from './ask-options.ts';

/** Time for an answer unless the options say otherwise, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60_000;
/** Questions of one VM at a time: a guest chooses the hosts. */
const MAX_QUESTIONS = 8;
/** Questions of one VM over time. */
const QUESTIONS = { burst: 32, perSecond: 0.5 } as const;
/** Answers `run` and `never` that are remembered; beyond that the oldest is asked for again. */
const MAX_ANSWERS = 1_024;

export interface AskerOptions {
  readonly onAsk: OnAsk;
  /** @default 60000 */
  readonly timeoutMs?: number | undefined;
  readonly emit: (outcome: AskOutcome) => void;
  /** Receives what `onAsk` throws. */
  readonly fault: (error: Error) => void;
}

function keyOf(host: string, port: number, scheme: JudgedTransport): string {
  const isWeb = scheme === 'https' || scheme === 'http';
  return `${isWeb ? 'web' : scheme} ${port} ${host}`;
}

/** Asks the user about hosts that the policy does not name, bounded in number and time, and remembers the answers. */
export class Asker {
  readonly #options: AskerOptions;
  readonly #answers = new Map<string, 'run' | 'never'>();
  readonly #asked = new Map<string, Promise<AskAnswer>>();
  readonly #rate = new TokenBucket(QUESTIONS);
  readonly #closed = new AbortController();

  constructor(options: AskerOptions) {
    this.#options = options;
  }

  /** Returns true for a host that was allowed for the run. HTTP and HTTPS of a port count as one. */
  isGranted(host: string, port: number, scheme: JudgedTransport): boolean {
    return this.#answers.get(keyOf(host, port, scheme)) === 'run';
  }

  /** Returns true if the guest may have what it asks for. Concurrent questions about one host are one. Never rejects. */
  async ask(question: AskQuestion): Promise<boolean> {
    const { host, port, scheme } = question;
    const key = keyOf(host, port, scheme);
    const known = this.#answers.get(key);
    if (known !== undefined) return known === 'run';
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      if (this.#closed.signal.aborted) return false;
      if (this.#asked.size >= MAX_QUESTIONS || !this.#rate.take()) return false;
      asked = this.#put(question, key).finally(() => this.#asked.delete(key));
      this.#asked.set(key, asked);
    }
    return (await asked) !== 'never';
  }

  /** Ends every question with `never`. */
  close(): void {
    this.#closed.abort();
  }

  async #put(question: AskQuestion, key: string): Promise<AskAnswer> {
    const startedMs = Date.now();
    const { answer, by } = await this.#answer(question);
    if (answer !== 'once') this.#remember(key, answer);
    const timestampMs = Date.now();
    const durationMs = timestampMs - startedMs;
    this.#options.emit({ timestampMs, ...question, answer, by, durationMs });
    return answer;
  }

  async #answer(question: AskQuestion): Promise<Pick<AskOutcome, 'answer' | 'by'>> {
    const { onAsk, timeoutMs = DEFAULT_TIMEOUT_MS, fault } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const signal = AbortSignal.any([late.signal, this.#closed.signal]);
    const isLate = new Promise<'late'>((resolve) => {
      signal.addEventListener('abort', () => resolve('late'), { once: true });
      if (signal.aborted) resolve('late');
    });
    try {
      // Called later, so that a throw becomes a rejection.
      const given = Promise.resolve(question).then((one) => onAsk(one, { signal }));
      const answer = await Promise.race([given, isLate]);
      if (answer === 'late') return { answer: 'never', by: 'timeout' };
      if (answer === 'once' || answer === 'run') return { answer, by: 'answer' };
      if (answer !== 'never') fault(new TypeError('onAsk must return once, run or never'));
      return { answer: 'never', by: answer === 'never' ? 'answer' : 'error' };
    } catch (error) {
      fault(error instanceof Error ? error : new Error(String(error)));
      return { answer: 'never', by: 'error' };
    } finally {
      clearTimeout(timer);
    }
  }

  #remember(key: string, answer: 'run' | 'never'): void {
    this.#answers.set(key, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest);
  }
}
