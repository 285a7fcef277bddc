/**
 * HTTPS of guest clients (curl, wrk) to one server on this host: through gondolin, through QEMU's user networking with
 * mitmproxy, and through QEMU's user networking alone. Interleaved rounds, medians, ratios.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ImageRecipe, VM } from '../src/index.ts';
import { hostRelease } from '../test/fixtures/workload-image.ts';
import { startMitmproxy } from './network/mitmproxy.ts';
import { createSlirpVM } from './network/slirp-vm.ts';
import { type BenchServer, HOST_SITE, SITE, startServer } from './network/start-server.ts';
import { openResults } from './results.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: {
    rounds: { type: 'string', default: '3' },
    mebibytes: { type: 'string', default: '200' },
    requests: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const bytes = Number(options.mebibytes) * 2 ** 20;
const requests = Number(options.requests);
const CONNECTIONS = 20;
const results = openResults('net', options.json);

const image: ImageRecipe = {
  kind: 'debian',
  arch: 'x86_64',
  release: hostRelease(),
  packages: ['ca-certificates', 'curl', 'iproute2', 'kmod', 'wrk'],
  mirror: null,
};

interface Path {
  readonly label: string;
  readonly vm: VM;
  /** Of the server, as its guest says it. */
  readonly origin: string;
  /** Options of curl. */
  readonly how: string;
}

/** Every one gets a file with one root, so that none reads more of them than the others. */
async function trust(vm: VM, name: string, pem: string): Promise<string> {
  await vm.exec(`cat > /tmp/${name}.pem`, { stdin: pem });
  return `--cacert /tmp/${name}.pem`;
}

async function ownPath(server: BenchServer): Promise<Path> {
  const vm = await VM.create({
    image,
    sandbox: { rootOverlay: true },
    network: {
      policy: {
        ...{ mode: 'allowlist', allowedHosts: [], deniedHosts: [], rules: [] },
        ...{ blockPrivateIps: true, allowedPrivate: [] },
        extraHosts: [{ name: SITE, address: '127.0.0.1', port: server.port }],
      },
      ca: [server.caPem],
    },
  });
  return { label: 'gondolin', vm, origin: `https://${SITE}`, how: '--cacert /etc/gondolin/ca.crt' };
}

/** A peer that does not start is a line, and the bench goes on without it. */
async function orNone<T>(name: string, start: () => Promise<T>): Promise<T | null> {
  try {
    return await start();
  } catch (error) {
    console.log(`without ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    results.fail(name, error);
    return null;
  }
}

async function peerPaths(server: BenchServer, directory: string): Promise<Path[]> {
  const { port, hostPort, caPem } = server;
  const upstream = `https://${HOST_SITE}:${hostPort}`;
  const mitmproxy = await orNone('mitmproxy', () => startMitmproxy(directory, upstream, caPem));
  ending.push(() => mitmproxy?.process.kill());
  const vm = await orNone('QEMU user networking', () => createSlirpVM(image, directory));
  if (vm === null) return [];
  ending.push(() => vm.close());
  const how = await trust(vm, 'server', caPem);
  const alone = { label: 'QEMU user networking', vm, origin: `https://${SITE}:${port}`, how };
  if (mitmproxy === null) return [alone];
  const proxied = {
    ...{ label: '  with mitmproxy', vm, origin: `https://${SITE}:${mitmproxy.port}` },
    how: await trust(vm, 'mitmproxy', mitmproxy.caPem),
  };
  return [alone, proxied];
}

async function curl({ vm, how }: Path, args: string): Promise<string> {
  const { exitCode, stdout, stderr } = await vm.exec(`curl -sSf --http1.1 ${how} ${args}`);
  if (exitCode !== 0) throw new Error(`curl ${how} ${args} ended with ${exitCode}: ${stderr}`);
  return stdout;
}

const seconds = (text: string): number[] => text.trim().split('\n').map(Number);

interface Measurement {
  readonly label: string;
  readonly unit: string;
  readonly isLessBetter: boolean;
  measure(path: Path): Promise<number>;
}

/** Over that many connections that are kept, as fast as wrk asks: it has no more than one request on each. */
function requestsOver(connections: number): Measurement {
  const label = `requests of wrk, ${connections} kept connection${connections === 1 ? '' : 's'}`;
  return {
    ...{ label, unit: '/s', isLessBetter: false },
    async measure({ vm, origin }) {
      const command = `wrk -t1 -c${connections} -d${options.seconds} ${origin}/small`;
      const { exitCode, stdout, stderr } = await vm.exec(command);
      const rate = /^Requests\/sec: +([\d.]+)$/m.exec(stdout)?.[1];
      if (exitCode !== 0 || rate === undefined || /Non-2xx|Socket errors/.test(stdout)) {
        throw new Error(`${command} ended with ${exitCode}: ${stdout}${stderr}`);
      }
      return Number(rate);
    },
  };
}

const MEASUREMENTS: readonly Measurement[] = [
  {
    ...{ label: `download of ${options.mebibytes} MiB`, unit: 'MiB/s', isLessBetter: false },
    async measure(path) {
      const text = await curl(
        path,
        `-o /dev/null -w '%{time_total}\\n' ${path.origin}/bytes/${bytes}`,
      );
      return bytes / 2 ** 20 / median(seconds(text));
    },
  },
  {
    ...{ label: `upload of ${options.mebibytes} MiB`, unit: 'MiB/s', isLessBetter: false },
    async measure(path) {
      const body = `-H 'Expect:' -H 'Transfer-Encoding: chunked' -X POST -T /dev/stdin`;
      const { exitCode, stdout, stderr } = await path.vm.exec(
        `head -c ${bytes} /dev/zero | curl -sSf --http1.1 ${path.how} ${body} -o /dev/null -w '%{time_total}\\n' ${path.origin}/up`,
      );
      if (exitCode !== 0) throw new Error(`upload: ${stderr}`);
      return bytes / 2 ** 20 / median(seconds(stdout));
    },
  },
  {
    ...{ label: 'requests of curl, 1 kept connection', unit: '/s', isLessBetter: false },
    async measure(path) {
      // Its start is counted: the sum of its own times leaves out what it does between requests.
      const started = performance.now();
      await curl(path, `-o /dev/null '${path.origin}/small?[1-${requests}]'`);
      return requests / ((performance.now() - started) / 1000);
    },
  },
  requestsOver(1),
  requestsOver(8),
  requestsOver(32),
  {
    ...{ label: 'a request on a new connection', unit: 'ms', isLessBetter: true },
    async measure(path) {
      const args = `--no-sessionid -H 'Connection: close' -o /dev/null -w '%{time_total}\\n'`;
      const text = await curl(path, `${args} '${path.origin}/small?[1-${CONNECTIONS}]'`);
      return 1000 * median(seconds(text));
    },
  },
];

/** Samples of one path, or why it has none (any more). */
interface Outcome {
  readonly samples: number[];
  error: unknown;
}

/** One interleaved round after another. A peer that fails is left out of what follows; a failure of ours ends the bench. */
async function measureAll(measurement: Measurement, paths: readonly Path[]): Promise<Outcome[]> {
  const outcomes = paths.map((): Outcome => ({ samples: [], error: null }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, path] of paths.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome.error !== null) continue;
      try {
        outcome.samples.push(await measurement.measure(path));
      } catch (error) {
        if (index === 0) throw error;
        outcome.error = error;
      }
    }
  }
  return outcomes;
}

function report(
  { label: what, unit, isLessBetter }: Measurement,
  paths: readonly Path[],
  outcomes: readonly Outcome[],
): void {
  const own = median(outcomes[0]?.samples ?? []);
  console.log(`${what} (${unit})`);
  for (const [index, { label }] of paths.entries()) {
    const { samples = [], error = null } = outcomes[index] ?? {};
    const name = `${what}, ${label.trim()}`;
    if (error !== null) {
      const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
      console.log(`  ${label.padEnd(24)}   failed: ${line.slice(0, 200)}`);
      results.fail(name, error);
      continue;
    }
    const value = median(samples);
    results.add(name, unit, samples);
    const better = isLessBetter ? value / own : own / value;
    const told = index === 0 ? '' : `   gondolin is ${better.toFixed(2)} times as good`;
    console.log(`  ${label.padEnd(24)} ${value.toFixed(1).padStart(8)}${told}`);
    if (index > 0) results.add(`${what}, gondolin / ${label.trim()}`, 'ratio', [better]);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
const ending: (() => Promise<unknown> | unknown)[] = [];
try {
  const server = await startServer();
  ending.push(() => server.process.disconnect());
  const own = await ownPath(server);
  ending.push(() => own.vm.close());
  const paths = [own];
  if (options.only === undefined) {
    paths.push(...(await peerPaths(server, directory)));
  }
  console.log(`${rounds} interleaved rounds, medians\n`);
  for (const measurement of MEASUREMENTS) {
    report(measurement, paths, await measureAll(measurement, paths));
  }
} finally {
  await results.write();
  for (const end of ending.toReversed()) await end();
  rmSync(directory, { recursive: true, force: true });
}
