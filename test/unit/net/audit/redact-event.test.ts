import { describe, expect, it } from 'vitest';
import {
  isCredentialHeader,
  redactEvent,
  redactUrl,
} from '../../../../src/net/audit/redact-event.ts';
import {
  blockedEvent,
  connectionEvent,
  dnsEvent,
  requestEvent,
  responseEvent,
} from '../../../fixtures/network-events.ts';

it.each([
  ...['Authorization', 'proxy-authorization', 'Cookie', 'Set-Cookie', 'X-Api-Key', 'apikey'],
  ...['PRIVATE-TOKEN', 'x-vault-token', 'X-Amz-Security-Token', 'x-session-id', 'x_auth_key'],
  ...['X-Auth', 'Ocp-Apim-Subscription-Key', 'x-hub-signature', 'X-Password', 'x-client-secret'],
])('isCredentialHeader() is true for %s', (name) => {
  expect(isCredentialHeader(name)).toBe(true);
});

it.each([
  ...['accept', 'content-type', 'etag', 'www-authenticate', 'x-request-id', 'sec-websocket-key'],
  ...['author', 'x-tokenizer', 'cache-control', 'keep-alive', 'user-agent', 'sec-fetch-site'],
])('isCredentialHeader() is false for %s', (name) => {
  expect(isCredentialHeader(name)).toBe(false);
});

it.each([
  ['https://a.test/p?x=1&token=v', 'https://a.test/p?x=1&token=[redacted]'],
  ['https://u:p@a.test/p#frag', 'https://a.test/p'],
  ['//u:p@a.test/', '//a.test/'],
  [
    'https://a.test/p?X-Amz-Signature=v&X-Amz-Date=d',
    'https://a.test/p?X-Amz-Signature=[redacted]&X-Amz-Date=d',
  ],
  ['https://a.test/p?sig&key=&author=me', 'https://a.test/p?sig&key=[redacted]&author=me'],
  ['https://a.test/p?a=b@c', 'https://a.test/p?a=b@c'],
  ['/p?api_key=v', '/p?api_key=[redacted]'],
  ['', ''],
])('redactUrl(%s) is %s', (url, want) => {
  expect(redactUrl(url)).toBe(want);
});

describe('redactEvent()', () => {
  it.each([requestEvent(), responseEvent(), blockedEvent()])(
    'takes credentials out of a $kind event and keeps its shape',
    (event) => {
      const redacted = redactEvent(event);
      expect(JSON.stringify(redacted)).not.toContain('hunter2');
      expect(Object.keys(redacted)).toEqual(Object.keys(event));
    },
  );

  it('leaves other events as they are', () => {
    for (const event of [connectionEvent(), dnsEvent()]) expect(redactEvent(event)).toEqual(event);
  });

  it('bounds what a guest can have written', () => {
    const requestHeaders = Array.from(
      { length: 1000 },
      (_, n) => [`x-${n}`, 'v'.repeat(20_000)] as const,
    );
    const url = `https://api.test/${'p'.repeat(100_000)}`;
    const text = JSON.stringify(redactEvent(requestEvent({ requestHeaders, url })));
    expect(text.length).toBeLessThan(257 * 8300);
  });
});
