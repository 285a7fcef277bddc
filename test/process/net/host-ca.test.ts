import { execFile } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { inspect, promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { HostCa } from '../../../src/net/tls/host-ca.ts';
import { encodeTrustStore } from '../../../src/net/tls/java-trust-store.ts';
import { LeafCache } from '../../../src/net/tls/leaf-cache.ts';
import { subjectHash } from '../../../src/net/tls/subject-hash.ts';
import { signedLeaf } from '../../fixtures/net/certificates.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const run = promisify(execFile);
const hasOpenssl = existsSync('/usr/bin/openssl');
const hasKeytool = existsSync('/usr/bin/keytool');
const DAY_MS = 24 * 60 * 60 * 1000;

function leafOf(ca: HostCa, host: string): string {
  const validity = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
  };
  return signedLeaf(ca.issuer, {
    host,
    publicKey: createPublicKey(ca.leafKey),
    validity,
  });
}

/** A TLS server that shows what the cache gives for the asked name, and one connection to it. */
async function handshake(cache: LeafCache, ca: string, host: string): Promise<TLSSocket> {
  const server = createServer({
    SNICallback: (name, done) => {
      cache.contextFor(name).then((context) => done(null, context), done);
    },
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, servername: host, ca });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

it('a client that trusts the authority only accepts what LeafCache shows for a name', async () => {
  const ca = await HostCa.open(temporaryDirectory());
  const cache = new LeafCache(ca);
  const host = 'api.example.com';
  const socket = await handshake(cache, ca.certificatePem, host);
  expect(socket.authorized).toBe(true);
  const certificate = socket.getPeerX509Certificate();
  expect(certificate?.subjectAltName).toBe(`DNS:${host}`);
  expect(certificate?.checkHost(host)).toBe(host);
  expect(certificate?.checkHost('www.example.com')).toBeUndefined();
});

it('a client refuses what another authority signed', async () => {
  const cache = new LeafCache(await HostCa.open(temporaryDirectory()));
  const other = await HostCa.open(temporaryDirectory());
  await expect(handshake(cache, other.certificatePem, 'api.example.com')).rejects.toMatchObject({
    code: expect.stringMatching(/UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/),
  });
});

it.skipIf(!hasOpenssl)('openssl accepts the chain under its strict rules', async () => {
  const directory = temporaryDirectory();
  const ca = await HostCa.open(join(directory, 'ca'));
  const caFile = join(directory, 'ca.crt');
  writeFileSync(caFile, ca.certificatePem);
  const leafFile = join(directory, 'leaf.crt');
  const verify = (...wanted: string[]) => {
    const rules = ['-x509_strict', '-purpose', 'sslserver', ...wanted];
    return run('openssl', ['verify', ...rules, '-CAfile', caFile, leafFile]);
  };
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`;
  for (const host of ['api.example.com', long]) {
    writeFileSync(leafFile, leafOf(ca, host));
    expect((await verify('-verify_hostname', host)).stdout).toContain('OK');
    await expect(verify('-verify_hostname', `x.${host}`)).rejects.toMatchObject({ code: 2 });
  }
  for (const address of ['192.0.2.7', '2001:db8::7', '::1', '1:2:3:4:5:6:7::']) {
    writeFileSync(leafFile, leafOf(ca, address));
    expect((await verify('-verify_ip', address)).stdout).toContain('OK');
    await expect(verify('-verify_ip', '192.0.2.8')).rejects.toMatchObject({ code: 2 });
  }
});

it.skipIf(!hasOpenssl)('subjectHash() is the hash openssl looks the authority up by', async () => {
  const directory = temporaryDirectory();
  const ca = await HostCa.open(join(directory, 'ca'));
  const file = join(directory, 'ca.crt');
  writeFileSync(file, ca.certificatePem);
  const { stdout } = await run('openssl', ['x509', '-in', file, '-noout', '-subject_hash']);
  expect(subjectHash(ca.certificatePem)).toBe(stdout.trim());
});

it.skipIf(!hasKeytool)('Java reads the trust store', async () => {
  const directory = temporaryDirectory();
  const ca = await HostCa.open(join(directory, 'ca'));
  const file = join(directory, 'truststore.jks');
  writeFileSync(file, encodeTrustStore([new X509Certificate(ca.certificatePem).raw]));
  const { stdout } = await run('keytool', ['-list', '-keystore', file, '-storepass', 'changeit']);
  expect(stdout).toMatch(/gondolin-0.+trustedCertEntry/);
});

it('HostCa.open() gives the same authority to processes that make it at once', async () => {
  const directory = join(temporaryDirectory(), 'new', 'ca');
  const args = ['--import', 'tsx', 'test/fixtures/ca-opener.ts', directory];
  const results = await Promise.all([1, 2, 3].map(() => run(process.execPath, args)));
  const answers = results.map(({ stdout }) => JSON.parse(stdout) as Record<string, string>);
  expect(new Set(answers.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  expect(answers.map(({ origin }) => origin).sort()).toEqual(['created', 'loaded', 'loaded']);
  const { fingerprint } = await HostCa.open(directory);
  expect(fingerprint).toBe(answers[0]?.['fingerprint']);
});

it('HostCa keeps its key to itself: file modes, and nothing of it printed', async () => {
  const directory = join(temporaryDirectory(), 'ca');
  const ca = await HostCa.open(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'ca.pem')).mode & 0o777).toBe(0o600);
  expect(ca.certificatePem).not.toContain('PRIVATE');
  const cache = new LeafCache(ca);
  await cache.contextFor('a.example');
  for (const thing of [ca, cache]) {
    const shown = inspect(thing, { depth: 9, showHidden: true }) + JSON.stringify(thing);
    expect(shown).not.toContain('PRIVATE');
  }
});

const DAMAGES: Record<string, (path: string) => void> = {
  'cut short': (path) => writeFileSync(path, readFileSync(path, 'latin1').slice(0, 900)),
  empty: (path) => writeFileSync(path, ''),
  'of another kind': (path) => writeFileSync(path, 'hello'),
  'readable by others': (path) => chmodSync(path, 0o644),
  'with a damaged key': (path) =>
    writeFileSync(path, readFileSync(path, 'latin1').replace(/(PRIVATE KEY-----\n.{30})./, '$1!')),
};
it.each(Object.entries(DAMAGES))(
  'HostCa.open() replaces an authority that is %s',
  async (_, damage) => {
    const directory = temporaryDirectory();
    const old = await HostCa.open(directory);
    damage(join(directory, 'ca.pem'));
    const fresh = await HostCa.open(directory);
    expect(fresh.origin).toBe('replaced');
    expect(fresh.fingerprint).not.toBe(old.fingerprint);
    expect(await HostCa.open(directory)).toMatchObject({
      origin: 'loaded',
      fingerprint: fresh.fingerprint,
    });
  },
);

it('HostCa.open() replaces an authority whose key belongs to another one', async () => {
  const [one, two] = [temporaryDirectory(), temporaryDirectory()];
  await HostCa.open(one);
  await HostCa.open(two);
  const text = (directory: string) => readFileSync(join(directory, 'ca.pem'), 'latin1');
  const at = (pem: string) => pem.indexOf('-----BEGIN PRIVATE KEY');
  writeFileSync(
    join(one, 'ca.pem'),
    text(one).slice(0, at(text(one))) + text(two).slice(at(text(two))),
  );
  expect((await HostCa.open(one)).origin).toBe('replaced');
});

it('HostCa.open() renews an authority that ends soon', async () => {
  const directory = temporaryDirectory();
  const old = await HostCa.open(directory, new Date('2026-01-01'));
  expect((await HostCa.open(directory, new Date('2035-01-01'))).fingerprint).toBe(old.fingerprint);
  const renewed = await HostCa.open(directory, new Date('2035-12-01'));
  expect(renewed.origin).toBe('replaced');
  const { validTo } = new X509Certificate(renewed.certificatePem);
  expect(new Date(validTo).getUTCFullYear()).toBe(2045);
});

it('HostCa.open() fails with NET_CA_UNUSABLE when the file cannot be read', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), '');
  await expect(HostCa.open(join(directory, 'file'))).rejects.toMatchObject({
    code: 'NET_CA_UNUSABLE',
  });
});

it('LeafCache keeps what is used and forgets the rest beyond its limit', async () => {
  const cache = new LeafCache(await HostCa.open(temporaryDirectory()), { maxEntries: 2 });
  const first = await cache.contextFor('a.example');
  const second = await cache.contextFor('b.example');
  expect(await cache.contextFor('a.example')).toBe(first);
  await cache.contextFor('c.example');
  expect(cache.size).toBe(2);
  expect(await cache.contextFor('a.example')).toBe(first);
  expect(await cache.contextFor('b.example')).not.toBe(second);
  for (let index = 0; index < 20; index += 1) await cache.contextFor(`h${index}.example`);
  expect(cache.size).toBe(2);
});

it('LeafCache makes a certificate anew before it ends', async () => {
  const cache = new LeafCache(await HostCa.open(temporaryDirectory()));
  const now = Date.now();
  const first = await cache.contextFor('a.example', now);
  expect(await cache.contextFor('a.example', now + 27 * DAY_MS)).toBe(first);
  expect(await cache.contextFor('a.example', now + 29 * DAY_MS)).not.toBe(first);
});

it('LeafCache makes one certificate for all who ask for a name at once', async () => {
  const cache = new LeafCache(await HostCa.open(temporaryDirectory()));
  const names = ['a.example', 'b.example', 'a.example', 'a.example'];
  const [first, other, ...same] = await Promise.all(names.map((name) => cache.contextFor(name)));
  expect(same).toEqual([first, first]);
  expect(same[0]).toBe(first);
  expect(other).not.toBe(first);
});

it.each([
  '',
  '*.example.com',
  'A.example',
  'a.example.',
  'a b',
  'a,b',
  'fe80::1%eth0',
  'é.example',
  'a\nb',
  `${'a'.repeat(64)}.x`,
  '-a.example',
])('LeafCache refuses the name "%s"', async (name) => {
  const cache = new LeafCache(await HostCa.open(temporaryDirectory()));
  await expect(cache.contextFor(name)).rejects.toMatchObject({ code: 'NET_TLS_NAME_INVALID' });
  expect(cache.size).toBe(0);
});
