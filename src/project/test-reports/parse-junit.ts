import { SaxesParser } from 'saxes';
import type { TestCase, TestOutcome } from './test-results.ts';

/** Elements within each other; JUnit needs five. */
const MAX_DEPTH = 64;
const MAX_NAME_LENGTH = 500;
const MAX_MESSAGE_LENGTH = 1_000;
const MAX_TEXT_LENGTH = 8_000;
/** A report is parsed in parts of this length, so that other work has its turn in between. */
const PART_LENGTH = 64 * 1024;
/** The longest time of a test that is believed: a year. */
const MAX_SECONDS = 366 * 24 * 3600;

const OUTCOMES: Readonly<Record<string, TestOutcome>> = {
  failure: 'failed',
  error: 'error',
  skipped: 'skipped',
};

/** The text is not a JUnit report; the message says why, as part of a sentence. */
export class JunitSyntaxError extends Error {}

type Attributes = Readonly<Record<string, string>>;

function attribute(attributes: Attributes, name: string, maxLength = MAX_NAME_LENGTH): string {
  return Object.hasOwn(attributes, name) ? (attributes[name] ?? '').slice(0, maxLength) : '';
}

/** Some writers put commas between thousands: `1,234.5`. */
function readDurationMs(attributes: Attributes): number | null {
  const text = attribute(attributes, 'time').replaceAll(',', '');
  const seconds = text === '' ? Number.NaN : Number(text);
  return seconds >= 0 && seconds <= MAX_SECONDS ? Math.round(seconds * 1000) : null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Makes tests of the elements of a report. */
class JunitReader {
  readonly #onTest: (test: TestCase) => void;
  readonly #path: string[] = [];
  /** Names of the suites around this place. */
  readonly #suites: string[] = [];
  #test: Mutable<TestCase> | null = null;
  /** Takes the text of an element that explains an outcome. */
  #takesText = false;

  constructor(onTest: (test: TestCase) => void) {
    this.#onTest = onTest;
  }

  open(name: string, attributes: Attributes): void {
    const isRoot = this.#path.length === 0;
    if (isRoot && name !== 'testsuites' && name !== 'testsuite') {
      throw new JunitSyntaxError('its root is neither <testsuites> nor <testsuite>');
    }
    if (this.#path.length >= MAX_DEPTH) throw new JunitSyntaxError('its elements are too deep');
    const parent = this.#path.at(-1);
    this.#path.push(name);
    if (name === 'testsuite') this.#suites.push(attribute(attributes, 'name'));
    else if (name === 'testcase' && this.#test === null) this.#openTest(attributes);
    else if (parent === 'testcase') this.#openOutcome(name, attributes);
  }

  #openTest(attributes: Attributes): void {
    this.#test = {
      suite: this.#suites.findLast((suite) => suite !== '') ?? '',
      className: attribute(attributes, 'classname'),
      name: attribute(attributes, 'name'),
      durationMs: readDurationMs(attributes),
      outcome: 'passed',
      message: '',
      text: '',
    };
  }

  /** The first failure or error of a test counts; a skip does not hide one. */
  #openOutcome(name: string, attributes: Attributes): void {
    const outcome = Object.hasOwn(OUTCOMES, name) ? OUTCOMES[name] : undefined;
    const test = this.#test;
    if (outcome === undefined || test === null) return;
    if (test.outcome === 'failed' || test.outcome === 'error') return;
    test.outcome = outcome;
    test.message = attribute(attributes, 'message', MAX_MESSAGE_LENGTH);
    test.text = '';
    this.#takesText = true;
  }

  text(text: string): void {
    if (!this.#takesText || this.#test === null) return;
    const room = MAX_TEXT_LENGTH - this.#test.text.length;
    this.#test.text += text.slice(0, room);
  }

  close(): void {
    const name = this.#path.pop();
    if (this.#path.at(-1) === 'testcase') this.#takesText = false;
    if (name === 'testsuite') this.#suites.pop();
    if (name === 'testcase' && this.#test !== null && !this.#path.includes('testcase')) {
      this.#onTest(this.#test);
      this.#test = null;
    }
  }
}

/**
 * Reads the tests of a JUnit report: `<testsuites>` or `<testsuite>`, as test runners write them. A document type is refused, so
 * no entity of its own is expanded.
 * @throws {JunitSyntaxError} The tests before the mistake were passed to `onTest`.
 */
export async function parseJunit(text: string, onTest: (test: TestCase) => void): Promise<void> {
  const reader = new JunitReader(onTest);
  const parser = new SaxesParser({ position: true });
  parser.on('error', ({ message }) => {
    throw new JunitSyntaxError(`line ${message.slice(0, 200)}`);
  });
  parser.on('doctype', () => {
    throw new JunitSyntaxError('it has a document type');
  });
  parser.on('opentag', ({ name, attributes }) => reader.open(name, attributes as Attributes));
  parser.on('text', (part) => reader.text(part));
  parser.on('cdata', (part) => reader.text(part));
  parser.on('closetag', () => reader.close());
  for (let at = 0; at < text.length; at += PART_LENGTH) {
    parser.write(text.slice(at, at + PART_LENGTH));
    await new Promise(setImmediate);
  }
  parser.close();
}
