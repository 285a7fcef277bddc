import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { proxyEnvironment } from '../../src/host/image-environment.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { readHostPackageFacts } from '../../src/image/debian/host-packages.ts';
import { planSources } from '../../src/image/debian/plan-sources.ts';
import { ensureImage } from '../../src/image/ensure-image.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';
import { hostRelease } from '../fixtures/workload-image.ts';

const release = hostRelease();
const TIME = '20261101T000000Z';
let server: Server;
let service: string;
const asked = new Set<string>();

/** A snapshot service whose packages of any time are those of this host's mirrors. */
beforeAll(async () => {
  const sources = planSources({ release, mirror: null }, await readHostPackageFacts());
  const uriOf = (suite: string) => sources.find((one) => one.suite === suite)?.uri ?? '';
  const bases: Readonly<Record<string, string>> = {
    debian: uriOf(release),
    'debian-security': uriOf(`${release}-security`),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const [, archive = '', time = '', ...path] = (request.url ?? '').split('/');
    asked.add(`${archive} ${time}`);
    const found = await fetch(`${bases[archive]}/${path.join('/')}`);
    response.writeHead(found.status);
    if (found.body === null) response.end();
    else await pipeline(Readable.fromWeb(found.body as never), response);
  };
  server = createServer((request, response) => {
    // apt reports what breaks off.
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

/** Builds the image in a cache of its own. Returns its key, which is made of the digests of all its files. */
async function build(): Promise<string> {
  const image = await ensureImage(
    {
      ...{ kind: 'debian', arch: 'x86_64', release, packages: ['netcat-openbsd'], mirror: null },
      snapshot: '2026-11-01T00:00:00Z',
    },
    {
      cacheDirectory: join(temporaryDirectory(), 'cache'),
      agentPath: guestAgentPath(),
      environment: { ...proxyEnvironment(), no_proxy: '127.0.0.1' },
      env: { GONDOLIN_DEBIAN_SNAPSHOT: service },
    },
  );
  await image.release();
  return image.key;
}

it('an image of a snapshot is the same each time, and all of it comes from the service', async () => {
  const first = await build();
  expect(await build()).toBe(first);
  expect([...asked].toSorted()).toEqual([`debian ${TIME}`, `debian-security ${TIME}`]);
}, 600_000);
