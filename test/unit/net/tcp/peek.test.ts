import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { PEEK_COMPLETE_MS } from '../../../../src/net/limits.ts';
import { peek } from '../../../../src/net/tcp/peek.ts';

afterEach(() => vi.useRealTimers());

it('peek() puts back every byte it looked at, in order', async () => {
  const [guest, host] = duplexPair();
  const peeked = peek(host, { firstByteMs: 1000, isRawPossible: false });
  guest.write('GE');
  guest.write('T / HTTP/1.1\r\n');
  expect((await peeked).kind).toBe('http1');
  guest.end('Host: x\r\n\r\n');
  expect(await text(host)).toBe('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
});

it('peek() calls a guest silent that sends nothing, and other one that never makes itself clear', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const [, silent] = duplexPair();
  const quiet = peek(silent, { firstByteMs: 300, isRawPossible: false });
  vi.advanceTimersByTime(300);
  expect((await quiet).kind).toBe('silent');
  const [guest, slow] = duplexPair();
  const peeked = peek(slow, { firstByteMs: 300, isRawPossible: false });
  const arrived = new Promise((resolve) => slow.once('readable', resolve));
  guest.write('GE');
  await arrived;
  vi.advanceTimersByTime(PEEK_COMPLETE_MS);
  expect((await peeked).kind).toBe('other');
});

it('peek() gives what a guest had sent when it ended too early', async () => {
  const [guest, host] = duplexPair();
  const peeked = peek(host, { firstByteMs: 1000, isRawPossible: false });
  guest.end('GE');
  expect(await peeked).toEqual({ kind: 'ended', head: Buffer.from('GE') });
});

it('peek() ends when the guest is gone already', async () => {
  const [, host] = duplexPair();
  host.destroy();
  expect((await peek(host, { firstByteMs: 1000, isRawPossible: false })).kind).toBe('ended');
});
