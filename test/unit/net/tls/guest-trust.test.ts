import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect, it } from 'vitest';
import { createRootCertificate } from '../../../../src/net/tls/certificate.ts';
import { guestTrustFiles } from '../../../../src/net/tls/guest-trust.ts';
import { guestTrustEnv } from '../../../../src/net/tls/guest-trust-env.ts';
import { encodeTrustStore } from '../../../../src/net/tls/java-trust-store.ts';

function root(commonName: string): string {
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2060-01-01') };
  return createRootCertificate({ ...keys, commonName }, validity);
}

const ca = root('gondolin local CA 01234567');

it.each([
  ['all roots where it sees servers', true, '/etc/gondolin/ca-bundle.crt'],
  ['the authority alone elsewhere', false, '/etc/gondolin/ca.crt'],
])('guestTrustEnv() gives a guest %s', (_, seesServers, file) => {
  const env = guestTrustEnv({ seesServers });
  expect(env['SSL_CERT_FILE']).toBe(file);
  expect(env['CURL_CA_BUNDLE']).toBe(file);
  expect(env['NODE_EXTRA_CA_CERTS']).toBe('/etc/gondolin/ca.crt');
});

it('guestTrustEnv() names only files that guestTrustFiles() writes', () => {
  const written = new Set(guestTrustFiles({ certificatePem: ca }).map(({ path }) => path));
  const env = { ...guestTrustEnv({ seesServers: true }), ...guestTrustEnv({ seesServers: false }) };
  const named = Object.values(env).flatMap((value) => value.match(/\/[^ ]+/g) ?? []);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !written.has(path))).toEqual([]);
});

it('guestTrustEnv() gives Java no options, which it would print before its version', () => {
  const names = Object.keys(guestTrustEnv({ seesServers: true }));
  expect(names.filter((name) => /JAVA|JDK/.test(name))).toEqual([]);
});

it('guestTrustFiles() marks the one trust store that every JVM is to read', () => {
  const marked = guestTrustFiles({ certificatePem: ca }).filter((file) => file.isJavaStore);
  expect(marked.map(({ path }) => path)).toEqual(['/etc/gondolin/truststore.jks']);
});

it('guestTrustFiles() tells browsers of the authority and of further roots, by policy', () => {
  const files = guestTrustFiles({ certificatePem: ca, extraRoots: [root('private')] });
  const json = (path: string) =>
    JSON.parse(files.find((file) => file.path === path)?.data.toString() ?? 'null');
  const subjects = (ders: readonly Buffer[]) => ders.map((der) => new X509Certificate(der).subject);
  const want = ['CN=gondolin local CA 01234567', 'CN=private'];
  const chromium = json('/etc/chromium/policies/managed/gondolin.json').CACertificates as string[];
  expect(subjects(chromium.map((text) => Buffer.from(text, 'base64')))).toEqual(want);
  const firefox = json('/etc/firefox/policies/policies.json').policies.Certificates.Install;
  const installed = (firefox as string[]).map(
    (path) => files.find((file) => file.path === path)?.data ?? Buffer.alloc(0),
  );
  expect(subjects(installed)).toEqual(want);
});

it('guestTrustFiles() leaves the policies of an image for Firefox, where one file holds all', () => {
  const kept = guestTrustFiles({ certificatePem: ca }).filter((file) => file.keep);
  expect(kept.map(({ path }) => path)).toEqual(['/etc/firefox/policies/policies.json']);
});

it('guestTrustFiles() puts the authority first in a bundle that holds the public roots too', () => {
  const extra = root('private').trimEnd();
  const files = guestTrustFiles({ certificatePem: ca, extraRoots: [extra], directory: '/x' });
  const bundle = files.find(({ path }) => path === '/x/ca-bundle.crt');
  const pems =
    bundle?.data.toString('latin1').match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];
  expect(pems).toHaveLength(rootCertificates.length + 2);
  expect(pems.slice(0, 2).map((pem) => new X509Certificate(pem).subject)).toEqual([
    'CN=gondolin local CA 01234567',
    'CN=private',
  ]);
});

it('guestTrustFiles() appends to the bundles of distributions only, after a line end', () => {
  const files = guestTrustFiles({ certificatePem: ca });
  const appended = files.filter(({ append }) => append);
  expect(appended.map(({ path }) => path)).toEqual([
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
  ]);
  for (const { data } of appended) expect(data.toString()).toBe(`\n${ca}`);
  // One FILE message each.
  for (const { data } of files) expect(data.length).toBeLessThan(2 * 1024 * 1024);
});

it('encodeTrustStore() writes each certificate once, with the digest Java checks', () => {
  const der = new X509Certificate(ca).raw;
  const store = encodeTrustStore([der, der]);
  expect(store.readUInt32BE(0)).toBe(0xfeedfeed);
  expect(store.readUInt32BE(8)).toBe(1);
  expect(store.includes(der)).toBe(true);
  const password = Buffer.from('changeit', 'utf16le').swap16();
  const body = store.subarray(0, -20);
  const digest = createHash('sha1')
    .update(password)
    .update('Mighty Aphrodite')
    .update(body)
    .digest();
  expect(store.subarray(-20).equals(digest)).toBe(true);
});
