import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseAccelerator } from '../src/host/accelerator.ts';
import { resolveDirectories } from '../src/host/directories.ts';
import { findTool } from '../src/host/tools.ts';
import { median } from './statistics.ts';

const DIRECTORY = resolve(import.meta.dirname, '../.cache/bench');

/** One number of a bench, or why there is none. */
export type Figure =
  | {
      readonly name: string;
      /** `ms`, `MiB/s`, `/s`, `MiB`, `ratio`. */
      readonly unit: string;
      /** Median of the samples. */
      readonly value: number;
      readonly samples: readonly number[];
    }
  | { readonly name: string; readonly error: string };

/** The numbers of one run, for people on the terminal and as JSON for whoever compares runs. */
export class Results {
  readonly #bench: string;
  readonly #file: string;
  readonly #startedAt = new Date().toISOString();
  readonly #loadAtStart = loadavg()[0] ?? 0;
  readonly #figures: Figure[] = [];

  constructor(bench: string, file: string) {
    this.#bench = bench;
    this.#file = file;
  }

  add(name: string, unit: string, samples: readonly number[]): void {
    this.#figures.push({ name, unit, value: median(samples), samples });
  }

  /** A contestant that failed: it has no number, and the others go on. */
  fail(name: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#figures.push({ name, error: message.trim().slice(0, 500) });
  }

  /** Writes the file, and its name to the terminal. A failed bench has the numbers that it came to. */
  async write(): Promise<void> {
    const [cpu] = cpus();
    const machine = {
      ...{ cpus: cpus().length, cpu: cpu?.model ?? '', node: process.version },
      ...{ accelerator: await accelerator(), platform: process.platform },
    };
    const load = { start: this.#loadAtStart, end: loadavg()[0] ?? 0 };
    const { argv } = process;
    const facts = { bench: this.#bench, arguments: argv.slice(2), startedAt: this.#startedAt };
    const content = { ...facts, machine, load, figures: this.#figures };
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify(content, null, 2)}\n`);
    console.log(`\nload of this machine: ${load.start.toFixed(1)} to ${load.end.toFixed(1)}`);
    console.log(`written: ${this.#file}`);
  }
}

async function accelerator(): Promise<string> {
  const qemu = findTool('qemu-system-x86_64');
  if (qemu === null) return 'none';
  const cacheDirectory = resolveDirectories().cache;
  return (await chooseAccelerator({ qemu, cacheDirectory })).accelerator;
}

/**
 * Reads the command line of a bench that counts rounds: `[ROUNDS] [--json FILE]`.
 * @param bench  Its name: without `--json` the numbers go to `.cache/bench/NAME.json`.
 */
export function openRounds(bench: string, rounds: number): { rounds: number; results: Results } {
  const { positionals, values } = parseArgs({
    args: process.argv.slice(2),
    options: { json: { type: 'string' } },
    allowPositionals: true,
  });
  return { rounds: Number(positionals[0] ?? rounds), results: openResults(bench, values.json) };
}

/** @param file  Value of `--json`. */
export function openResults(bench: string, file: string | undefined): Results {
  return new Results(bench, resolve(file ?? `${DIRECTORY}/${bench}.json`));
}
