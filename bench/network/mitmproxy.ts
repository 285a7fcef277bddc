import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../../test/fixtures/net/free-port.ts';

export interface Mitmproxy {
  readonly process: ChildProcess;
  readonly port: number;
  /** Of the authority that it signs with. */
  readonly caPem: string;
}

const START_TRIES = 200;

/**
 * mitmproxy in front of the server, with streamed bodies; null, told on the terminal, when there is none. Reverse, so that
 * a client which knows no proxy can ask: that spares it the CONNECT of each connection and changes nothing else.
 * @param upstream  Origin of the server, as this host says it.
 */
export async function startMitmproxy(
  directory: string,
  upstream: string,
  serverCaPem: string,
): Promise<Mitmproxy | null> {
  if (spawnSync('mitmdump', ['--version']).status !== 0) {
    console.log('without mitmproxy: apt-get install --no-install-recommends mitmproxy\n');
    return null;
  }
  const roots = join(directory, 'server-ca.pem');
  writeFileSync(roots, serverCaPem);
  const port = await freePort();
  const options = [`confdir=${directory}`, `ssl_verify_upstream_trusted_ca=${roots}`];
  // Else whole bodies are held in memory: 200 MiB of them took a third longer.
  options.push('stream_large_bodies=1m');
  const child = spawn(
    'mitmdump',
    [
      '-q',
      '--mode',
      `reverse:${upstream}`,
      '--listen-host',
      '127.0.0.1',
      '-p',
      String(port),
      ...options.flatMap((o) => ['--set', o]),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  process.once('exit', () => child.kill());
  for (let tries = 0; !(await isListening(port)); tries++) {
    if (tries === START_TRIES || child.exitCode !== null)
      throw new Error('mitmdump does not start');
    await wait(100);
  }
  const caPem = readFileSync(join(directory, 'mitmproxy-ca-cert.pem'), 'utf8');
  return { process: child, port, caPem };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy(resolve(true) as undefined));
    socket.once('error', () => resolve(false));
  });
}
