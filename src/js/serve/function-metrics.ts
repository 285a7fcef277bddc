interface Totals {
  readonly calls: Map<string, number>;
  seconds: number;
}

/** Counts calls, for Prometheus to scrape (its text format, version 0.0.4). */
export class FunctionMetrics {
  readonly #functions = new Map<string, Totals>();

  /** @param outcome  `ok`, or the code of the error. */
  count(name: string, outcome: string, durationMs: number): void {
    const totals = this.#functions.get(name) ?? { calls: new Map<string, number>(), seconds: 0 };
    totals.calls.set(outcome, (totals.calls.get(outcome) ?? 0) + 1);
    totals.seconds += durationMs / 1000;
    this.#functions.set(name, totals);
  }

  /** @param gauges  Sandboxes and waiting calls of each function. */
  render(gauges: readonly { name: string; sandboxes: number; waiting: number }[]): string {
    const totals = [...this.#functions];
    const calls = totals.flatMap(([name, { calls: byOutcome }]) =>
      [...byOutcome].map(
        ([outcome, count]) =>
          `gondolin_function_calls_total{function="${name}",outcome="${outcome}"} ${count}`,
      ),
    );
    const seconds = totals.map(
      ([name, { seconds: sum }]) => `gondolin_function_seconds_total{function="${name}"} ${sum}`,
    );
    return [
      ...family('gondolin_function_calls_total', 'counter', 'Calls by their outcome.', calls),
      ...family('gondolin_function_seconds_total', 'counter', 'Time that calls took.', seconds),
      ...family(
        'gondolin_function_sandboxes',
        'gauge',
        'Sandboxes that are there.',
        gauges.map(
          ({ name, sandboxes }) => `gondolin_function_sandboxes{function="${name}"} ${sandboxes}`,
        ),
      ),
      ...family(
        'gondolin_function_waiting_calls',
        'gauge',
        'Calls that wait for a sandbox.',
        gauges.map(
          ({ name, waiting }) => `gondolin_function_waiting_calls{function="${name}"} ${waiting}`,
        ),
      ),
      '',
    ].join('\n');
  }
}

function family(name: string, type: string, help: string, lines: readonly string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}
