import { afterEach, expect, it, vi } from 'vitest';
import { UpstreamTls } from '../../../src/net/http/upstream/upstream-tls.ts';
import { compilePolicy } from '../../../src/net/policy/compile-policy.ts';
import { Dialer } from '../../../src/net/tcp/dial.ts';
import { startTcp } from '../../fixtures/net/servers.ts';

afterEach(() => vi.useRealTimers());

const policy = compilePolicy({
  mode: 'open',
  allowedHosts: [],
  deniedHosts: [],
  rules: [],
  blockPrivateIps: true,
  allowedPrivate: ['127.0.0.1', '::1'],
  extraHosts: [{ name: 'extra.test', address: '127.0.0.1' }],
});

const to = (name: string, port: number) => ({ name, isLiteral: false, port });

it('Dialer dials what extra_hosts names and asks no resolver for it', async () => {
  const port = await startTcp(() => undefined);
  const dialer = new Dialer({ policy, resolve: () => Promise.reject(new Error('asked')) });
  const socket = await dialer.dial(to('extra.test', port));
  expect(socket.remoteAddress).toBe('127.0.0.1');
  await dialer.close();
  expect(socket.destroyed).toBe(true);
});

it('Dialer fails with NET_CLOSED when the guest goes away or the network is closed', async () => {
  const port = await startTcp(() => undefined);
  const dialer = new Dialer({ policy, resolve: async () => ['127.0.0.1'] });
  const signal = AbortSignal.abort();
  await expect(dialer.dial(to('a.test', port), { signal })).rejects.toMatchObject({
    code: 'NET_CLOSED',
  });
  await dialer.close();
  await expect(dialer.dial(to('a.test', port))).rejects.toMatchObject({ code: 'NET_CLOSED' });
});

it('Dialer takes no address with a zone, and none that is no address', async () => {
  const dialer = new Dialer({ policy, resolve: async () => ['fe80::1%lo', '127.1', 'localhost'] });
  await expect(dialer.dial(to('a.test', 80))).rejects.toMatchObject({
    code: 'NET_NAME_UNRESOLVED',
  });
});

it('UpstreamTls gives up with NET_DIAL_TIMEOUT when a server never answers the handshake', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let arrived: () => void = () => undefined;
  const hello = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const port = await startTcp((socket) => socket.once('data', () => arrived()));
  const dialer = new Dialer({ policy, resolve: async () => ['127.0.0.1'] });
  const opened = new UpstreamTls(dialer, []).open({ ...to('a.test', port), scheme: 'https' }, [
    'http/1.1',
  ]);
  const failed = expect(opened).rejects.toMatchObject({ code: 'NET_DIAL_TIMEOUT' });
  await hello;
  vi.advanceTimersByTime(15_000);
  await failed;
  await dialer.close();
});

it('UpstreamTls fails with NET_UPSTREAM_TLS when the server hangs up in the handshake', async () => {
  const port = await startTcp((socket) => socket.once('data', () => socket.end()));
  const dialer = new Dialer({ policy, resolve: async () => ['127.0.0.1'] });
  const opened = new UpstreamTls(dialer, []).open({ ...to('a.test', port), scheme: 'https' }, [
    'http/1.1',
  ]);
  await expect(opened).rejects.toMatchObject({ code: 'NET_UPSTREAM_TLS' });
  await dialer.close();
});
