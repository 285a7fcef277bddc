import { chmod, mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { FakeRegistry } from '../../../fixtures/oci/fake-registry.ts';
import { makeImage } from '../../../fixtures/oci/made-image.ts';
import { ociRecipe, pullImage } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const image = makeImage({ layers: [rawTar({ name: 'f' })] });
let registry: FakeRegistry;
let directory: string;
let reference: string;
/** What the token server was asked: `GET ?…` with its Authorization, or the form of a POST. */
let asked: string[];

beforeEach(async () => {
  registry = await FakeRegistry.start();
  directory = temporaryDirectory();
  reference = registry.push(image, '1');
  asked = [];
  registry.fault = serveTokens;
  onTestFinished(() => registry.close());
});

function serveTokens(request: IncomingMessage, response: ServerResponse): boolean {
  const { url = '', method = '', headers } = request;
  if (!url.startsWith('/token')) {
    if (headers.authorization === 'Bearer good') return false;
    const realm = `http://${registry.host}/token`;
    const challenge = `Bearer realm="${realm}",service="s, \\"quoted\\"",scope="repository:app:pull"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  }
  let body = '';
  request.on('data', (part) => {
    body += String(part);
  });
  request.on('end', () => {
    const login = headers.authorization ?? '';
    asked.push([method, url.replace('/token', ''), login, body].filter((part) => part).join(' '));
    const isAllowed = login === `Basic ${base64('me:secret')}` || body.includes('refresh-me');
    if (isAllowed) response.end('{"token":"good"}');
    else response.writeHead(401).end();
  });
  return true;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const pull = (env: Record<string, string> = {}) =>
  pullImage(directory, ociRecipe(reference), {
    env: { HOME: directory, PATH: `${directory}/bin:${process.env['PATH']}`, ...env },
  });

async function writeHome(name: string, content: string, mode = 0o600): Promise<void> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
}

const dockerConfig = (value: object) => writeHome('.docker/config.json', JSON.stringify(value));

it('a token is asked for with the login of the file of Docker, and used for every request', async () => {
  await dockerConfig({ auths: { [`http://${registry.host}/v1/`]: { auth: base64('me:secret') } } });
  await pull();
  expect(asked).toHaveLength(1);
  const [line = ''] = asked;
  expect(line).toContain(`Basic ${base64('me:secret')}`);
  const query = new URLSearchParams(line.split(' ')[1]);
  expect(Object.fromEntries(query)).toEqual({
    ...{ service: 's, "quoted"', scope: 'repository:app:pull' },
    ...{ client_id: 'gondolin', account: 'me' },
  });
});

it('the file of Podman comes first, and REGISTRY_AUTH_FILE before it', async () => {
  const right = JSON.stringify({ auths: { [registry.host]: { auth: base64('me:secret') } } });
  const wrong = JSON.stringify({ auths: { [registry.host]: { auth: base64('me:wrong') } } });
  await writeHome('.docker/config.json', wrong);
  await writeHome('.config/containers/auth.json', right);
  await pull();
  await writeHome('.config/containers/auth.json', wrong);
  await writeHome('own.json', right);
  await pullImage(temporaryDirectory(), ociRecipe(reference), {
    env: { HOME: directory, REGISTRY_AUTH_FILE: join(directory, 'own.json') },
  });
});

it('an identity token is exchanged for a token', async () => {
  await dockerConfig({ auths: { [registry.host]: { identitytoken: 'refresh-me' } } });
  await pull();
  expect(asked[0]).toMatch(/^POST .*grant_type=refresh_token&refresh_token=refresh-me/);
});

const helper = (body: string) => `#!/bin/sh\n[ "$1" = get ] || exit 9\nread -r server\n${body}\n`;

it.each([['credHelpers'], ['credsStore']])('a helper of %s is asked', async (key) => {
  const value = key === 'credsStore' ? 'test' : { [registry.host]: 'test' };
  await dockerConfig({ [key]: value });
  const body = `[ "$server" = "${registry.host}" ] && echo '{"Username":"me","Secret":"secret"}'`;
  await writeHome('bin/docker-credential-test', helper(body), 0o755);
  await pull();
});

it('a helper may give an identity token', async () => {
  await dockerConfig({ credsStore: 'test' });
  const body = `echo '{"Username":"<token>","Secret":"refresh-me"}'`;
  await writeHome('bin/docker-credential-test', helper(body), 0o755);
  await pull();
});

it('a helper without an entry leaves the file', async () => {
  await dockerConfig({
    credsStore: 'test',
    auths: { [registry.host]: { auth: base64('me:secret') } },
  });
  const body = 'echo credentials not found in native keychain; exit 1';
  await writeHome('bin/docker-credential-test', helper(body), 0o755);
  await pull();
});

const BROKEN: readonly (readonly [string, () => Promise<void>])[] = [
  ['a file that is no JSON', () => writeHome('.docker/config.json', 'oops')],
  [
    'a login that is not base64',
    () => dockerConfig({ auths: { [registry.host]: { auth: '###' } } }),
  ],
  ['a helper that is not there', () => dockerConfig({ credsStore: 'missing' })],
  ['a helper with a path', () => dockerConfig({ credsStore: '../bin/evil' })],
  [
    'a helper that fails',
    async () => {
      await dockerConfig({ credsStore: 'test' });
      await writeHome('bin/docker-credential-test', helper('echo secret; exit 3'), 0o755);
    },
  ],
  [
    'a helper that prints no JSON',
    async () => {
      await dockerConfig({ credsStore: 'test' });
      await writeHome('bin/docker-credential-test', helper('echo secret'), 0o755);
    },
  ],
];

it.each(BROKEN)('%s is reported, without what it holds', async (_name, prepare) => {
  await prepare();
  const error: unknown = await pull().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'IMAGE_CREDENTIALS_FAILED' });
  expect(String(error)).not.toContain('secret');
});

it('a wrong password is reported as such', async () => {
  await dockerConfig({ auths: { [registry.host]: { auth: base64('me:wrong') } } });
  await expect(pull()).rejects.toMatchObject({ code: 'IMAGE_REGISTRY_DENIED' });
});

it('a password is not sent to a realm of plain HTTP for a registry of HTTPS', async () => {
  const { authorize } = await import('../../../../src/image/oci/registry/token.ts');
  const { Agent } = await import('undici');
  const dispatcher = new Agent();
  onTestFinished(() => dispatcher.destroy());
  const realm = `http://${registry.host}/token`;
  const challenge = { scheme: 'bearer', realm, service: null, scope: null } as const;
  const credentials = { kind: 'password', user: 'me', password: 'secret' } as const;
  const options = { dispatcher, signal: new AbortController().signal };
  await expect(
    authorize(challenge, 'https://registry.example.com', 'scope', credentials, options),
  ).rejects.toMatchObject({ code: 'IMAGE_REGISTRY_DENIED' });
  expect(asked).toEqual([]);
});

it('a redirected request for a token does not carry the identity token on', async () => {
  await dockerConfig({ auths: { [registry.host]: { identitytoken: 'refresh-me' } } });
  const other = await FakeRegistry.start();
  onTestFinished(() => other.close());
  registry.fault = (request, response) => {
    if (request.url !== '/token') return serveTokens(request, response);
    response.writeHead(307, { location: `http://${other.host}/token` }).end();
    return true;
  };
  await expect(pull()).rejects.toMatchObject({ code: 'IMAGE_REGISTRY_FAILED' });
  expect(other.requests).toEqual([]);
});

it('a malformed file of registries is reported with its name', async () => {
  await writeHome(
    '.config/gondolin/registries.json',
    '{"registries":{"r.test":{"mirrors":["ftp://x"]}}}',
  );
  await expect(pull()).rejects.toMatchObject({
    code: 'IMAGE_REGISTRY_CONFIG_INVALID',
    message: expect.stringContaining('registries.r.test.mirrors[0]'),
  });
  await expect(pull({ GONDOLIN_REGISTRIES: '/does/not/exist' })).rejects.toMatchObject({
    code: 'IMAGE_REGISTRY_CONFIG_INVALID',
  });
});

it('a name without a registry goes to the one that is set', async () => {
  registry.fault = () => false;
  const env = { HOME: directory, GONDOLIN_REGISTRY: registry.host };
  await pullImage(directory, ociRecipe('app:1'), { env });
  await expect(pullImage(directory, ociRecipe('app:1'))).rejects.toMatchObject({
    code: 'IMAGE_REGISTRY_UNSET',
    hint: expect.stringContaining('GONDOLIN_REGISTRY'),
  });
});
