import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { curl } from '../../fixtures/net/curl.ts';
import { createTestNetwork, removeTestCa, serverCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const NGINX = '/usr/sbin/nginx';
const hasNginx = await access(NGINX).then(
  () => true,
  () => false,
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** nginx with TLS, HTTP/2 and gzip on a loopback port, with `big.bin` of 32 MiB and `text.txt`. */
async function startNginx(): Promise<{ port: number; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'gondolin-nginx-'));
  const port = await freePort();
  const { cert, key } = serverCa.issue('api.test');
  await mkdir(join(directory, 'www'));
  await writeFile(join(directory, 'cert.pem'), cert);
  await writeFile(join(directory, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(directory, 'www/big.bin'), Buffer.alloc(32 * 1024 * 1024, 'gondolin'));
  await writeFile(join(directory, 'www/text.txt'), 'hello '.repeat(10_000));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  await writeFile(
    join(directory, 'nginx.conf'),
    `user root; daemon off; pid ${directory}/pid; error_log ${directory}/error.log;
     events {}
     http { access_log off; ${temporary.join(' ')} gzip on; gzip_types text/plain; gzip_http_version 1.0;
       server { listen 127.0.0.1:${port} ssl http2; ssl_certificate ${directory}/cert.pem; ssl_certificate_key ${directory}/key.pem;
         root ${directory}/www; location /moved { return 302 https://evil.test/; } } }`,
  );
  const child = spawn(NGINX, ['-c', join(directory, 'nginx.conf'), '-p', directory], {
    stdio: 'ignore',
  });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
    await rm(directory, { recursive: true });
  });
  await expect
    .poll(() =>
      access(join(directory, 'pid')).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  return { port, directory };
}

it.skipIf(!hasNginx)(
  'Network carries what curl asks of nginx over both versions of HTTP',
  async () => {
    const { port, directory } = await startNginx();
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const url = (path: string) => `https://api.test:${port}${path}`;
    const wanted = createHash('sha256')
      .update(await readFile(join(directory, 'www/big.bin')))
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
