/**
 * JavaScript functions: a call of an empty handler beside a worker thread of Node and beside `podman exec`, restore and call, new
 * sandboxes, an event and a result of 1 MiB, calls over 4 sandboxes at once, limits of 500 ms, and the memory of a sandbox.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type CallHandlerOptions, type LoadedJSSandbox, SandboxBuilder } from '../src/js/index.ts';
import { startPodmanContainer } from './podman-peer.ts';
import { openRounds } from './results.ts';
import { median, ratio } from './statistics.ts';

const { rounds, results } = openRounds('functions', 9);
const CALLS = 1_000;
const WALL_LIMIT = { wallClockTimeoutMs: 500 };
const CPU_LIMIT = { cpuTimeoutMs: 500 };
const HANDLER = 'function handler(event) { return event; }';

async function time(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function newSandbox(): Promise<LoadedJSSandbox> {
  const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
  sandbox.addHandler('echo', HANDLER);
  sandbox.addHandler('spin', 'function handler() { for (;;); }');
  return sandbox.getLoadedSandbox();
}

async function timesOf(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) times.push(await time(work));
  return times;
}

/** The same call in a worker thread, without any isolation. */
async function workerCalls(): Promise<number[]> {
  const code = `const { parentPort } = require('node:worker_threads');
    ${HANDLER}
    parentPort.on('message', (text) => parentPort.postMessage(JSON.stringify(handler(JSON.parse(text)))));`;
  const worker = new Worker(code, { eval: true });
  const call = () =>
    new Promise((done) => {
      worker.once('message', done);
      worker.postMessage('{}');
    });
  await timesOf(100, call);
  const times = await timesOf(CALLS, call);
  await worker.terminate();
  return times;
}

/** Times of `true` in a container that runs; undefined without podman. */
function podmanExec(directory: string): number[] | undefined {
  const container = startPodmanContainer(directory);
  if (container === undefined) return undefined;
  try {
    return Array.from({ length: rounds }, () => {
      const started = performance.now();
      spawnSync('podman', ['exec', container.id, 'true']);
      return performance.now() - started;
    });
  } finally {
    container.remove();
  }
}

/** Proportional share of the memory of the machines that this process has started, in MiB. */
function machineMib(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, parent = ''] =
          /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
        if (Number(parent) !== process.pid) return [];
        const pss = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
        return [Number(pss?.[1] ?? 0) / 1024];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** How long calls without an end take to end with a limit, and what they had of the processor. */
async function limitTimes(
  loaded: LoadedJSSandbox,
  options: CallHandlerOptions,
): Promise<{ wallMs: number[]; cpuMs: number[] }> {
  const fresh = await loaded.snapshot();
  const cpuMs: number[] = [];
  const wallMs: number[] = [];
  for (let at = 0; at < 20; at++) {
    wallMs.push(await time(() => loaded.callHandler('spin', null, options).catch(() => undefined)));
    cpuMs.push(loaded.lastCallStats.cpuTimeMs);
    await loaded.restore(fresh);
  }
  return { wallMs, cpuMs };
}

function toldAll(label: string, times: readonly number[]): void {
  results.add(label, 'ms', times);
  const [least, most] = [Math.min(...times), Math.max(...times)].map((ms) => ms.toFixed(0));
  console.log(
    `${label.padEnd(46)} ${median(times).toFixed(0).padStart(9)} ms (${least} to ${most})`,
  );
}

function told(
  label: string,
  value: number,
  peers: Readonly<Record<string, readonly number[] | undefined>> = {},
): void {
  const shares = Object.entries(peers).flatMap(([name, times]) => {
    if (times === undefined) return [];
    results.add(`${label} / ${name}`, 'ratio', [value / median(times)]);
    return [`${ratio(value, median(times))} of ${name}`];
  });
  console.log(`${label.padEnd(46)} ${value.toFixed(2).padStart(9)} ms ${shares.join(', ')}`);
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
try {
  // Makes the template.
  await (await newSandbox()).dispose();
  const exec = podmanExec(directory);
  const worker = await workerCalls();
  const starts: number[] = [];
  const open: LoadedJSSandbox[] = [];
  for (let round = 0; round < rounds; round++) {
    starts.push(await time(async () => open.push(await newSandbox())));
  }
  told('new sandbox', median(starts), { 'podman exec': exec });
  const [loaded] = open;
  if (loaded === undefined) throw new Error('no round');
  await timesOf(100, () => loaded.callHandler('echo', {}));
  told('call', median(await timesOf(CALLS, () => loaded.callHandler('echo', {}))), {
    ...{ 'a worker thread': worker, 'podman exec': exec },
  });
  const snapshot = await loaded.snapshot();
  const restores = await timesOf(100, async () => {
    await loaded.restore(snapshot);
    await loaded.callHandler('echo', {});
  });
  told('restore and call', median(restores), { 'podman exec': exec });
  const big = 'x'.repeat(2 ** 20);
  told('1 MiB there and back', median(await timesOf(20, () => loaded.callHandler('echo', big))));
  const four = open.slice(0, 4);
  const all = await time(() =>
    Promise.all(four.map((one) => timesOf(CALLS / 4, () => one.callHandler('echo', {})))),
  );
  console.log(
    `calls per second over ${four.length} sandboxes ${' '.repeat(13)} ${Math.round(((CALLS / 4) * four.length) / (all / 1000))}`,
  );
  const shares = machineMib();
  console.log(
    `memory of each of ${shares.length} machines ${' '.repeat(17)} ${median(shares).toFixed(1)} MiB (PSS)`,
  );
  results.add('memory of a sandbox', 'MiB', shares);
  toldAll('wall-clock limit of 500 ms', (await limitTimes(loaded, WALL_LIMIT)).wallMs);
  for (const one of four.slice(1)) one.callHandler('spin', null).catch(() => undefined);
  const beside = await limitTimes(loaded, CPU_LIMIT);
  toldAll('CPU limit of 500 ms beside 3 busy sandboxes', beside.cpuMs);
  toldAll('  until it ended', beside.wallMs);
  await Promise.all(open.map((one) => one.dispose()));
  await results.write();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
