/**
 * The mediated network at full size: a transfer of 6 GiB, a reader and a server that are slow for a minute, 500 connections
 * at once. Checks every byte, and that no descriptor is left at the end; prints how long each took and the most memory this
 * process held meanwhile.
 */

import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { VM } from '../src/index.ts';
import { workloadImage } from '../test/fixtures/workload-image.ts';
import { patternHash } from './network/pattern.ts';
import { SITE, startServer } from './network/start-server.ts';
import { openResults } from './results.ts';

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: {
    mebibytes: { type: 'string', default: '6144' },
    seconds: { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});
const results = openResults('net-soak', options.json);
const MIB = 2 ** 20;
const transferBytes = Number(options.mebibytes) * MIB;
const slowSeconds = Number(options.seconds);
const SLOW_BYTES = 256 * MIB;
const CONNECTIONS = 500;
const SAMPLE_MS = 100;
const DRAIN_LIMIT_S = 120;

const image = workloadImage();
const server = await startServer();
const vm = await VM.create({
  image,
  network: {
    policy: {
      ...{ mode: 'allowlist', allowedHosts: [], deniedHosts: [], rules: [] },
      ...{ blockPrivateIps: true, allowedPrivate: [] },
      extraHosts: [{ name: SITE, address: '127.0.0.1', port: server.port }],
    },
    ca: [server.caPem],
  },
});

async function run(line: string, wanted?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await vm.exec(['/bin/bash', '-c', line]);
  const got = stdout.trim();
  if (exitCode === 0 && (wanted === undefined || got === wanted)) return got;
  const told = `got ${got}, want ${wanted ?? 'anything'}: ${stderr.slice(-2000)}`;
  throw new Error(`${line} ended with ${exitCode}, ${told}`);
}

async function step(label: string, wanted: string, line: string): Promise<void> {
  let peakBytes = 0;
  const sample = () => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const started = performance.now();
  try {
    await run(line, wanted);
  } finally {
    sample();
    clearInterval(timer);
  }
  const seconds = (performance.now() - started) / 1000;
  results.add(label, 's', [seconds]);
  results.add(`${label}: peak RSS of this process`, 'MiB', [peakBytes / MIB]);
  const peak = `peak RSS ${(peakBytes / MIB).toFixed(0)} MiB`;
  console.log(`${label.padEnd(40)} ${seconds.toFixed(1).padStart(7)} s   ${peak}`);
}

/** Connections to servers are kept for a while: longer than that is a leak. */
async function expectNoMoreThan(descriptors: number): Promise<void> {
  for (let waited = 0; openDescriptors() > descriptors; waited++) {
    if (waited === DRAIN_LIMIT_S) {
      throw new Error(
        `${openDescriptors()} descriptors are open, ${descriptors} were at the start`,
      );
    }
    await wait(1000);
  }
  console.log(`descriptors: ${descriptors} at the start, ${openDescriptors()} at the end`);
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

const origin = `https://${SITE}`;
const EACH_BYTES = 64 * 1024;
try {
  await step('warm up', 'a small answer', `curl -sSf ${origin}/small`);
  const descriptors = openDescriptors();
  await step(
    `slow reader, ${slowSeconds} s`,
    `${patternHash(SLOW_BYTES)}  -`,
    `curl -sSfN ${origin}/bytes/${SLOW_BYTES} | (head -c ${MIB}; sleep ${slowSeconds}; cat) | sha256sum`,
  );
  const zeros = await run(`head -c ${SLOW_BYTES} /dev/zero | sha256sum | cut -d' ' -f1`);
  await step(
    `slow server, ${slowSeconds} s`,
    `${SLOW_BYTES} ${zeros}`,
    `head -c ${SLOW_BYTES} /dev/zero | curl -sSf -T - -X POST ${origin}/slow/${slowSeconds * 1000}`,
  );
  await step(
    `slow writer, ${slowSeconds} s`,
    `${SLOW_BYTES} ${zeros}`,
    `(head -c ${MIB} /dev/zero; sleep ${slowSeconds}; head -c ${SLOW_BYTES - MIB} /dev/zero) | curl -sSf -T - -X POST ${origin}/up`,
  );
  await step(
    `${CONNECTIONS} connections at once`,
    String(CONNECTIONS * EACH_BYTES),
    `for i in 1 2; do curl -sSf --http1.1 -Z --parallel-immediate --parallel-max ${CONNECTIONS / 2} '${origin}/bytes/${EACH_BYTES}?[1-${CONNECTIONS / 2}]' -o - & done | wc -c`,
  );
  await step(
    `download of ${options.mebibytes} MiB`,
    `${patternHash(transferBytes)}  -`,
    `curl -sSf --http1.1 ${origin}/bytes/${transferBytes} | sha256sum`,
  );
  await expectNoMoreThan(descriptors);
} finally {
  await results.write();
  await vm.close();
  server.process.disconnect();
}
