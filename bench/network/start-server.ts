import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createTestCa } from '../../test/fixtures/net/certificates.ts';

/** As guests ask for the server. */
export const SITE = 'site.test';
/** As mitmproxy does, on the host. */
export const HOST_SITE = 'localhost';

export interface BenchServer {
  readonly caPem: string;
  /** Of the one that is called SITE. */
  readonly port: number;
  /** Of the one that is called HOST_SITE. */
  readonly hostPort: number;
  readonly process: ChildProcess;
}

/** An HTTPS server in a process of its own, on this host's loopback. It ends with this process. */
export async function startServer(): Promise<BenchServer> {
  const ca = createTestCa('bench root');
  const child = fork(join(import.meta.dirname, 'server.ts'), {
    execArgv: ['--import', 'tsx'],
  });
  child.send({ certificates: [ca.issue(SITE), ca.issue(HOST_SITE)] });
  const [{ ports }] = (await once(child, 'message')) as [{ ports: [number, number] }];
  return { caPem: ca.caPem, port: ports[0], hostPort: ports[1], process: child };
}
