import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { FakeRegistry, sendRange } from '../../../fixtures/oci/fake-registry.ts';
import { type MadeImage, makeImage, makeIndex, sha256 } from '../../../fixtures/oci/made-image.ts';
import { listRootfs, ociRecipe, pullImage } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

let registry: FakeRegistry;
let directory: string;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  directory = temporaryDirectory();
  onTestFinished(() => registry.close());
});

/** Content that does not compress, so that a layer has several pieces. */
const noise = Buffer.alloc(1_000_000, sha256(Buffer.from('seed')));
for (let index = 0; index < noise.length; index += 1) noise[index] = (index * index * 7) % 251;
const image = makeImage({
  layers: [
    rawTar({ name: 'etc/one', content: noise }),
    rawTar({ name: 'etc/two', content: 'two' }),
  ],
  compression: 'none',
  config: { Env: ['A=1', 'PATH=/x', 'broken'], Cmd: ['/etc/two'], User: 'me', WorkingDir: 'srv' },
});
const [first = ''] = image.layers;

const isBlob = (url: string | undefined, digest: string) =>
  url?.endsWith(`/blobs/${digest}`) === true;

/** Serves the first request for the first layer wrongly, and the others as they should be. */
function once(serve: (bytes: Buffer, ...rest: Parameters<FakeRegistry['fault']>) => void) {
  let done = false;
  registry.fault = (request, response) => {
    if (done || !isBlob(request.url, first)) return false;
    done = true;
    serve(image.blobs.get(first) ?? Buffer.alloc(0), request, response);
    return true;
  };
}

const pull = (reference: string, more = {}, options = {}) =>
  pullImage(directory, ociRecipe(reference, more), options);
const names = (path: string) => listRootfs(path).map((line) => line.split(' ').at(-1));
// No layer has /srv: the configuration names it.
const TREE = ['', '/etc', '/etc/one', '/etc/two', '/srv'];

it('an image is pulled once, and its configuration is known without asking again', async () => {
  const reference = registry.push(image, '1');
  const { path, container } = await pull(reference);
  expect(names(path)).toEqual(TREE);
  expect(listRootfs(path).at(-1)).toMatch(/^drwxr-xr-x 0\/0 .*\/srv$/);
  expect(container).toEqual({
    ...{ env: { A: '1', PATH: '/x' }, entrypoint: [], cmd: ['/etc/two'], workingDir: '/srv' },
    ...{ user: 'me', exposedPorts: [], stopSignal: '' },
  });
  const asked = registry.requests.length;
  expect(await pull(reference)).toMatchObject({ path, container });
  expect(registry.requests.length).toBe(asked);
});

it('an index leads to the image of this processor', async () => {
  const other = makeImage({ layers: [rawTar({ name: 'arm' })], architecture: 'arm64' });
  const index = makeIndex([
    { image: other, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
    { image: other, platform: { os: 'unknown', architecture: 'unknown' } },
    { image, platform: { os: 'linux', architecture: 'amd64' } },
  ]);
  expect(names((await pull(registry.push(index, 'multi'))).path)).toEqual(TREE);
  const onlyArm = makeIndex([{ image: other, platform: { os: 'linux', architecture: 'arm64' } }]);
  await expect(pull(registry.push(onlyArm, 'arm'))).rejects.toMatchObject({
    code: 'IMAGE_PLATFORM_MISSING',
    message: expect.stringContaining('linux/arm64'),
  });
});

it.each(['gzip', 'zstd', 'none'] as const)('layers are unpacked from %s', async (compression) => {
  const made = makeImage({ layers: [rawTar({ name: 'f', content: noise })], compression });
  expect(listRootfs((await pull(registry.push(made, compression))).path)).toEqual([
    expect.stringMatching(/^drwxr-xr-x 0\/0/),
    expect.stringMatching(/^-rw-r--r-- 0\/0 1000000 1970-01-01 00:00 \/f$/),
  ]);
});

it('a download that breaks off goes on where it ended', async () => {
  once((bytes, _request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 300_000), () => response.destroy());
  });
  expect(names((await pull(registry.push(image, '1'))).path)).toEqual(TREE);
  const again = registry.requests.filter((line) => line.includes('bytes='));
  expect(again).toHaveLength(1);
  expect(Number(/bytes=([0-9]+)-/.exec(again[0] ?? '')?.[1])).toBeGreaterThan(0);
});

it('a download that stalls is begun again', async () => {
  once((bytes, _request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 1000));
  });
  expect(names((await pull(registry.push(image, '1'))).path)).toEqual(TREE);
});

it('a registry without ranges serves the whole layer again', async () => {
  let requests = 0;
  registry.fault = (request, response) => {
    if (!isBlob(request.url, first)) return false;
    requests += 1;
    const bytes = image.blobs.get(first) ?? Buffer.alloc(0);
    response.writeHead(200, { 'content-length': bytes.length });
    if (requests > 1) response.end(bytes);
    else response.write(bytes.subarray(0, 200_000), () => response.destroy());
    return true;
  };
  expect(names((await pull(registry.push(image, '1'))).path)).toEqual(TREE);
});

it.each([429, 500, 502, 503])('an answer of %i is asked for again', async (status) => {
  let left = 2;
  registry.fault = (_request, response) => {
    if (left === 0) return false;
    left -= 1;
    response.writeHead(status, { 'retry-after': '0' }).end();
    return true;
  };
  expect(names((await pull(registry.push(image, '1'))).path)).toEqual(TREE);
});

type Lie = (made: MadeImage) => void;
const LIES: readonly (readonly [string, string, Lie])[] = [
  [
    'serves other bytes for a layer',
    'IMAGE_DIGEST_MISMATCH',
    () => registry.corrupt(first, Buffer.alloc(image.blobs.get(first)?.length ?? 0, 'x')),
  ],
  [
    'serves a longer layer',
    'IMAGE_DIGEST_MISMATCH',
    () => registry.corrupt(first, Buffer.concat([image.blobs.get(first) ?? noise, noise])),
  ],
  [
    'serves a shorter layer',
    'IMAGE_REGISTRY_UNREACHABLE',
    () => registry.corrupt(first, Buffer.from('short')),
  ],
  [
    'serves another manifest for a digest',
    'IMAGE_DIGEST_MISMATCH',
    (made) => registry.corrupt(made.digest, Buffer.from('{}')),
  ],
  ['does not have a layer', 'IMAGE_REFERENCE_UNKNOWN', () => registry.remove(first)],
  [
    'always answers 500',
    'IMAGE_REGISTRY_UNREACHABLE',
    () => {
      registry.fault = (_request, response) => Boolean(response.writeHead(500).end());
    },
  ],
  [
    'answers 403',
    'IMAGE_REGISTRY_DENIED',
    () => {
      registry.fault = (_request, response) => Boolean(response.writeHead(403).end());
    },
  ],
  [
    'answers 401 without a way in',
    'IMAGE_REGISTRY_DENIED',
    () => {
      registry.fault = (_request, response) => Boolean(response.writeHead(401).end());
    },
  ],
  [
    'answers 418',
    'IMAGE_REGISTRY_FAILED',
    () => {
      registry.fault = (_request, response) => Boolean(response.writeHead(418).end());
    },
  ],
  [
    'redirects for ever',
    'IMAGE_REGISTRY_FAILED',
    () => {
      registry.fault = (request, response) =>
        Boolean(response.writeHead(307, { location: request.url }).end());
    },
  ],
  [
    'redirects to a file',
    'IMAGE_REGISTRY_FAILED',
    () => {
      registry.fault = (_request, response) =>
        Boolean(response.writeHead(307, { location: 'file:///etc/passwd' }).end());
    },
  ],
  [
    'serves no HTTP',
    'IMAGE_REGISTRY_UNREACHABLE',
    () => {
      registry.fault = (_request, response) => Boolean(response.socket?.end('nonsense\r\n\r\n'));
    },
  ],
  [
    'closes each connection',
    'IMAGE_REGISTRY_UNREACHABLE',
    () => {
      registry.fault = (request) => Boolean(request.socket.destroy());
    },
  ],
  [
    'serves a manifest of 5 MiB',
    'IMAGE_REGISTRY_FAILED',
    () => {
      registry.fault = (_request, response) =>
        Boolean(response.end(Buffer.alloc(5 * 2 ** 20, ' ')));
    },
  ],
];

it.each(LIES)('a registry that %s gives %s and no image', async (_name, code, lie) => {
  const reference = registry.push(image, '1');
  lie(image);
  const digest = { digest: image.digest };
  await expect(pull(reference, digest)).rejects.toMatchObject({ code });
  const rootfs = join(directory, 'cache/images/rootfs');
  expect(existsSync(rootfs) ? readdirSync(rootfs) : []).toEqual([]);
  // A registry that is right again is enough: nothing wrong was kept.
  registry.fault = () => false;
  registry.push(image, '1');
  expect(names((await pull(reference, digest)).path)).toEqual(TREE);
});

it('wrong bytes of an earlier run are replaced by the right ones', async () => {
  const reference = registry.push(image, '1');
  let sent = 0;
  registry.fault = (request, response) => {
    if (!isBlob(request.url, first)) return false;
    sent += 1;
    response.writeHead(200, { 'content-length': noise.length });
    if (sent === 1) response.write(noise.subarray(0, 5000), () => response.destroy());
    else response.destroy();
    return true;
  };
  await expect(pull(reference)).rejects.toMatchObject({ code: 'IMAGE_REGISTRY_UNREACHABLE' });
  registry.fault = () => false;
  expect(names((await pull(reference)).path)).toEqual(TREE);
});

it('a redirect to another server gets no credentials', async () => {
  const other = await FakeRegistry.start();
  onTestFinished(() => other.close());
  const reference = registry.push(image, '1');
  other.fault = (request, response) => {
    sendRange(image.blobs.get(first) ?? noise, request, response);
    return true;
  };
  registry.fault = (request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      return true;
    }
    if (!isBlob(request.url, first)) return false;
    response.writeHead(307, { location: `http://${other.host}/storage` }).end();
    return true;
  };
  await mkdir(join(directory, '.docker'));
  const auth = Buffer.from('user:pass:word').toString('base64');
  await writeFile(
    join(directory, '.docker/config.json'),
    JSON.stringify({ auths: { [registry.host]: { auth } } }),
  );
  await pull(reference);
  expect(registry.requests.at(-1)).toContain(`Basic ${auth}`);
  expect(other.requests).toEqual(['GET /storage']);
});

it('the policy decides when a registry is asked', async () => {
  const reference = registry.push(image, '1');
  await expect(pull(reference, { pull: 'never' })).rejects.toMatchObject({
    code: 'IMAGE_NOT_PULLED',
  });
  await pull(reference);
  const { path } = await pull(reference, { pull: 'never' });
  registry.push(makeImage({ layers: [rawTar({ name: 'new' })] }), '1');
  expect((await pull(reference)).path).toBe(path);
  expect(names((await pull(reference, { pull: 'always' })).path)).toEqual(['', '/new']);
  expect(names((await pull(reference)).path)).toEqual(['', '/new']);
});

it('mirrors are asked first, and the registry has what they do not have', async () => {
  const mirror = await FakeRegistry.start();
  onTestFinished(() => mirror.close());
  const reference = registry.push(image, '1').replace(registry.host, 'registry.example.com');
  mirror.push(image, '1');
  mirror.remove(first);
  const settings = join(directory, 'registries.json');
  const own = { url: `http://${registry.host}`, mirrors: [`http://${mirror.host}/`] };
  await writeFile(settings, JSON.stringify({ registries: { 'registry.example.com': own } }));
  const env = { HOME: directory, GONDOLIN_REGISTRIES: settings };
  expect(names((await pull(reference, {}, { env })).path)).toEqual(TREE);
  expect(registry.requests.map((line) => line.slice(0, 30))).toEqual([
    `GET /v2/app/blobs/${first}`.slice(0, 30),
  ]);
});

it('a cancelled pull keeps what came, and leaves nothing else', async () => {
  const reference = registry.push(image, '1');
  const cancel = new AbortController();
  once((bytes, _request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 100_000), () =>
      setTimeout(() => cancel.abort(new Error('stop')), 50),
    );
  });
  await expect(pull(reference, {}, { signal: cancel.signal })).rejects.toThrow('stop');
  const left = readdirSync(join(directory, 'cache/images'), { recursive: true, encoding: 'utf8' });
  expect(left.filter((name) => name.includes('tmp-'))).toEqual([]);
  await pull(reference);
  expect(registry.requests.filter((line) => line.includes('bytes='))).toHaveLength(1);
});
