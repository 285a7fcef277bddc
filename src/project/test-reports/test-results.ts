/** The end of a test. `failed`: what it checked is wrong; `error`: it could not be run to its end. */
export type TestOutcome = 'passed' | 'failed' | 'error' | 'skipped';

/** One test of a report. Its texts are those of the guest: untrusted, shortened. */
export interface TestCase {
  /** Name of the innermost suite that has one; empty if none has. */
  readonly suite: string;
  readonly className: string;
  readonly name: string;
  /** null where the report does not say. */
  readonly durationMs: number | null;
  readonly outcome: TestOutcome;
  /** The reason why it did not pass, in a line. */
  readonly message: string;
  /** The rest of its explanation, such as a stack. */
  readonly text: string;
}

/** Numbers of tests by their outcome. */
export type TestCounts = Readonly<Record<TestOutcome, number>>;

/** The tests of a sandbox, from the reports that its guest wrote. Plain data. */
export interface TestResults {
  /** Reports that were read. */
  readonly files: number;
  readonly counts: TestCounts;
  /** In the order of the reports; less than `counts` say if there are very many. */
  readonly cases: readonly TestCase[];
}

/** Tests that are kept of a sandbox: those that passed or were skipped, and those that did not. */
const MAX_GOOD_CASES = 10_000;
const MAX_BAD_CASES = 2_000;
/** Characters of all texts that are kept of a sandbox. */
const MAX_TEXT_LENGTH = 2 * 1024 * 1024;

/** Adds up the tests of a sandbox. Memory is bounded, whatever the guest wrote. */
export class TestTally {
  readonly #counts = { passed: 0, failed: 0, error: 0, skipped: 0 };
  readonly #cases: TestCase[] = [];
  #bad = 0;
  #textLength = 0;

  add(test: TestCase): void {
    this.#counts[test.outcome] += 1;
    const isBad = test.outcome === 'failed' || test.outcome === 'error';
    const isFull = isBad
      ? this.#bad >= MAX_BAD_CASES
      : this.#cases.length - this.#bad >= MAX_GOOD_CASES;
    if (isFull) return;
    if (isBad) this.#bad += 1;
    this.#textLength += test.text.length;
    this.#cases.push(this.#textLength > MAX_TEXT_LENGTH ? { ...test, text: '' } : test);
  }

  results(files: number): TestResults {
    return { files, counts: { ...this.#counts }, cases: [...this.#cases] };
  }
}
