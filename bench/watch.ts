/**
 * Watch mode: from the save of a file to the first instruction of the step that runs again, in a pristine VM; then 30 edits in 10 s
 * and 500 files at once, of which the last state must be the one tested, and no change run twice.
 *
 * The first instruction is that of a program whose first system call writes a line: what is measured ends when this process has read
 * that line from the events of `gondolin watch`, so it contains the way back too. Beside it are the moment at which the step is sent
 * to its VM, and the first output of a shell script, which starts `sh` and two programs before it prints.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WatchCli } from '../test/fixtures/cli/watch-cli.ts';
import { lineProgram } from '../test/fixtures/line-program.ts';
import { openRounds } from './results.ts';
import { median, milliseconds } from './statistics.ts';

const { rounds, results } = openRounds('watch', 15);
const GOAL_MS = 150;
const EDITS = 30;
const FILES = 500;
const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-watch-'));

/** The step fails if anything of the last run is left: its file, or its process. */
const PRISTINE = 'test ! -e /root/dirt; touch /root/dirt; cat src/a.txt';

function project(name: string, run: string): string {
  const cwd = join(directory, name);
  mkdirSync(join(cwd, 'src'), { recursive: true });
  writeFileSync(join(cwd, 'src/a.txt'), 'first\n');
  // In the memory of the saved machine, as programs of an image are once they have run.
  const install =
    '{ name: install, run: "cp src/line /root/line; /root/line", inputs: [lock.txt] }';
  writeFileSync(join(cwd, 'lock.txt'), 'x');
  writeFileSync(join(cwd, 'src/line'), lineProgram('first instruction\n'), { mode: 0o755 });
  const head = `name: bench-${name}\nimage: debian\nvolumes: [./src:src]\n`;
  writeFileSync(join(cwd, 'gondolin.yaml'), `${head}steps:\n  - ${install}\n  - ${run}\n`);
  return cwd;
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(what);
}

/** Times from the save to the event that the step was started, and to the first output that it printed. */
async function saves(name: string, run: string, printed: (round: number) => string): Promise<void> {
  const cwd = project(name, run);
  const watch = new WatchCli(cwd);
  const first: number[] = [];
  const started: number[] = [];
  try {
    await watch.ended(1);
    for (let round = 1; round <= rounds; round += 1) {
      await watch.prepared();
      const from = watch.events.length;
      const savedAt = performance.now();
      writeFileSync(join(cwd, 'src/a.txt'), `round ${round}\n`);
      await watch.ended(round + 1);
      const events = watch.events.slice(from);
      const end = events.find((event) => event.type === 'run-finished');
      check(end?.type === 'run-finished' && end.exitCode === 0, `round ${round} was not pristine`);
      check(watch.lastOutput() === printed(round), `round ${round}: ${watch.lastOutput()}`);
      const at = (type: string) => events.find((event) => event.type === type)?.atMs ?? Number.NaN;
      started.push(at('step-started') - savedAt);
      first.push(at('step-output') - savedAt);
    }
  } finally {
    await watch.interrupt();
  }
  const times = `step sent ${milliseconds(median(started))}, first output ${milliseconds(median(first))}`;
  console.log(`${name.padEnd(20)} ${times}`);
  results.add(`from the save to the first output of the step, ${name}`, 'ms', first);
  results.add(`from the save to the start of the step, ${name}`, 'ms', started);
}

async function storms(): Promise<void> {
  const run = `{ name: unit, run: "set -e; ${PRISTINE}; sleep 0.2; echo done" }`;
  const cwd = project('storms', run);
  const watch = new WatchCli(cwd);
  try {
    await watch.ended(1);
    await watch.prepared();
    const from = watch.events.length;
    for (let n = 1; n <= EDITS; n += 1) {
      writeFileSync(join(cwd, 'src/a.txt'), `edit ${n}\n`);
      await delay(10_000 / EDITS);
    }
    await watch.until('test of the last edit', () =>
      watch.lastOutput().includes(`edit ${EDITS}\ndone`),
    );
    await watch.prepared();
    const storm = watch.events.slice(from);
    const changes = storm.filter(({ type }) => type === 'change-detected').length;
    const ends = storm.filter(
      (event) => event.type === 'run-finished' && event.status === 'succeeded',
    );
    const tested = storm.flatMap((event) =>
      event.type === 'step-output' ? (/edit \d+/.exec(event.text) ?? []) : [],
    );
    // A run may read the next edit already before that ends it: edits can be tested twice, changes not.
    const runs = storm.filter(({ type }) => type === 'run-started').length;
    check(runs <= changes, `${changes} changes had ${runs} runs`);
    console.log(
      `${EDITS} edits in 10 s: ${changes} changes, ${tested.length} tested, ${ends.length} to the end, the last one too`,
    );
    const before = watch.events.length;
    for (let n = 0; n < FILES; n += 1) writeFileSync(join(cwd, `src/f${n}.txt`), String(n));
    await watch.until(
      'run after all files',
      () =>
        watch.lastOutput().includes('done') &&
        watch.events.slice(before).some(({ type }) => type === 'run-finished'),
    );
    await watch.prepared();
    const after = watch.events.slice(before);
    const many = after.filter((event) => event.type === 'change-detected');
    check(many.length === 1, `${FILES} files were ${many.length} changes`);
    check(after.filter(({ type }) => type === 'run-started').length === 1, 'more than one run');
    console.log(`${FILES} files at once: one change, one run`);
  } finally {
    await watch.interrupt();
  }
}

try {
  const ofRound = (round: number) => `round ${round}\n`;
  await saves(
    'first-instruction',
    '{ name: unit, run: [/root/line] }',
    () => 'first instruction\n',
  );
  await saves('script', `{ name: unit, run: [/bin/sh, -c, "set -e; ${PRISTINE}"] }`, ofRound);
  await saves('login-shell', `{ name: unit, run: "set -e; ${PRISTINE}" }`, ofRound);
  await storms();
  console.log(`\ngoal: at most ${GOAL_MS} ms from the save to the first instruction of the step`);
} catch (error) {
  results.fail('watch', error);
  throw error;
} finally {
  rmSync(directory, { recursive: true, force: true });
  await results.write();
}
