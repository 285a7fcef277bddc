import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { curl } from '../../fixtures/net/curl.ts';
import { startNginx } from '../../fixtures/net/nginx.ts';
import { createTestNetwork, removeTestCa, serverCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const NGINX = '/usr/sbin/nginx';
const hasNginx = await access(NGINX).then(
  () => true,
  () => false,
);

/** nginx with TLS, HTTP/2 and gzip on a loopback port, with `big.bin` of 32 MiB and `text.txt`. */
async function startServer(): Promise<{ port: number; root: string; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'gondolin-nginx-'));
  const { tlsPort, root, stop } = await startNginx({
    directory,
    certificate: serverCa.issue('api.test'),
    locations: 'gzip_http_version 1.0; location /moved { return 302 https://evil.test/; }',
  });
  onTestFinished(async () => {
    await stop();
    await rm(directory, { recursive: true });
  });
  await writeFile(join(root, 'big.bin'), Buffer.alloc(32 * 1024 * 1024, 'gondolin'));
  await writeFile(join(root, 'text.txt'), 'hello '.repeat(10_000));
  return { port: tlsPort, root, directory };
}

it.skipIf(!hasNginx)(
  'Network carries what curl asks of nginx over both versions of HTTP',
  async () => {
    const { port, root, directory } = await startServer();
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const url = (path: string) => `https://api.test:${port}${path}`;
    const wanted = createHash('sha256')
      .update(await readFile(join(root, 'big.bin')))
      .digest('hex');
    for (const version of ['--http1.1', '--http2']) {
      const file = join(directory, 'out');
      const answer = await curl(net, url('/big.bin'), version, '-o', file);
      expect(answer.status).toBe(200);
      expect(
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex'),
      ).toBe(wanted);
      expect((await curl(net, url('/text.txt'), version, '--compressed')).body).toBe(
        'hello '.repeat(10_000),
      );
      expect(await curl(net, url('/text.txt'), version, '-r', '6-10')).toMatchObject({
        status: 206,
        body: 'hello',
      });
      expect(await curl(net, url('/text.txt'), version, '-I')).toMatchObject({ status: 200 });
      // The redirect is the guest's to follow: nothing asks the other host.
      const moved = await curl(net, url('/moved'), version, '-i');
      expect(moved).toMatchObject({ status: 302 });
      expect(moved.body).toMatch(/location: https:\/\/evil\.test\//i);
    }
    expect(net.events.some((event) => 'host' in event && event.host === 'evil.test')).toBe(false);
  },
);
