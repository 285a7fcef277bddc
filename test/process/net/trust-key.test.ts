import { X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Network } from '../../../src/net/network.ts';
import { serverCa } from '../../fixtures/net/server-ca.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

function networkOf(caDirectory: string, ca: readonly string[] = []): Network {
  const policy = {
    mode: 'allowlist',
    ...{ allowedHosts: [], deniedHosts: [], rules: [], allowedPrivate: [], blockPrivateIps: true },
  } as const;
  return new Network({ policy, ca, caDirectory });
}

it('Network.trustKey() changes with the authority and with the roots that are added, and with nothing else', async () => {
  const [one, two] = [temporaryDirectory(), temporaryDirectory()];
  const key = await networkOf(one).trustKey();
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await networkOf(one).trustKey()).toBe(key);
  expect(await networkOf(two).trustKey()).not.toBe(key);
  expect(await networkOf(one, [serverCa.caPem]).trustKey()).not.toBe(key);
});

it('Network signs with the authority that its trust key names, whatever becomes of the file', async () => {
  const directory = temporaryDirectory();
  const network = networkOf(directory);
  await network.trustKey();
  const { caPem } = await networkOf(directory).guestTrust();
  rmSync(directory, { recursive: true });
  const trust = await network.guestTrust();
  expect(new X509Certificate(trust.caPem).raw).toEqual(new X509Certificate(caPem).raw);
});
