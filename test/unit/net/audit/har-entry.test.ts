import { expect, it } from 'vitest';
import { type HarEvent, isHarEvent, toHarEntry } from '../../../../src/net/audit/har-entry.ts';
import { harProblems } from '../../../fixtures/har-fields.ts';
import {
  blockedEvent,
  connectionEvent,
  dnsEvent,
  leakEvent,
  requestEvent,
  responseEvent,
} from '../../../fixtures/network-events.ts';

const entryOf = (event: HarEvent) => toHarEntry({ sandbox: 'test', event });

it('toHarEntry() gives every field of an answered request, credentials taken out', () => {
  expect(entryOf(responseEvent())).toEqual({
    startedDateTime: '2026-11-21T08:00:00.125Z',
    time: 80,
    request: {
      method: 'POST',
      url: 'https://api.test/v1/items?page=2&access_token=[redacted]',
      httpVersion: 'HTTP/2.0',
      cookies: [
        { name: 'sid', value: '[redacted]' },
        { name: 'theme', value: '[redacted]' },
      ],
      headers: [
        { name: 'host', value: 'api.test' },
        { name: 'Authorization', value: 'Bearer [redacted]' },
        { name: 'cookie', value: '[redacted]' },
        { name: 'accept', value: '*/*' },
      ],
      queryString: [
        { name: 'page', value: '2' },
        { name: 'access_token', value: '[redacted]' },
      ],
      headersSize: -1,
      bodySize: 12,
    },
    response: {
      status: 302,
      statusText: 'Found',
      httpVersion: 'HTTP/2.0',
      cookies: [{ name: 'sid', value: '[redacted]' }],
      headers: [
        { name: 'content-type', value: 'application/json; charset=utf-8' },
        { name: 'set-cookie', value: '[redacted]' },
        { name: 'location', value: 'https://api.test/next?sig=[redacted]&page=3' },
      ],
      content: { size: 345, mimeType: 'application/json; charset=utf-8' },
      redirectURL: 'https://api.test/next?sig=[redacted]&page=3',
      headersSize: -1,
      bodySize: 345,
    },
    cache: {},
    timings: { blocked: -1, dns: -1, connect: -1, send: 0, wait: 50, receive: 30, ssl: -1 },
    serverIPAddress: '192.0.2.7',
    connection: '7',
    comment: 'secrets put in: API_TOKEN',
    _sandbox: 'test',
  });
});

it.each<[string, HarEvent]>([
  ['answered', responseEvent()],
  [
    'broken before an answer',
    responseEvent({
      statusCode: 0,
      statusText: '',
      responseHeaders: [],
      address: null,
      waitMs: null,
      error: 'connection refused',
      secrets: [],
    }),
  ],
  ['with clocks that disagree', responseEvent({ waitMs: 500, durationMs: 20.25 })],
  ['with a negative time', responseEvent({ waitMs: -5, durationMs: -1 })],
  [
    'with an odd URL',
    responseEvent({ url: '//%zz?%zz=%&&=', requestHeaders: [['cookie', ';=;']] }),
  ],
  ['refused', blockedEvent()],
  ['refused by a reset', blockedEvent({ statusCode: null, httpVersion: null })],
  ['with a leak', leakEvent()],
])('toHarEntry() fits HAR 1.2 for a request %s', (_what, event) => {
  const entry = JSON.parse(JSON.stringify(entryOf(event)));
  expect(harProblems(entry, 'entry')).toEqual([]);
  expect(JSON.stringify(entry)).not.toContain('hunter2');
});

it('toHarEntry() says why a request was refused or broke', () => {
  expect(entryOf(blockedEvent()).comment).toBe(
    'refused by gondolin: not_allowed (allowed_hosts: no entry covers it)',
  );
  expect(entryOf(leakEvent()).comment).toContain('secret API_TOKEN in its body');
  expect(entryOf(responseEvent({ error: 'reset', secrets: [] })).comment).toBe('failed: reset');
});

it('isHarEvent() is true for requests that ended or were refused, and nothing else', () => {
  const events = [
    ...[responseEvent(), blockedEvent(), leakEvent(), requestEvent(), connectionEvent()],
    ...[dnsEvent(), blockedEvent({ method: null, url: null }), leakEvent({ method: null })],
  ];
  expect(events.map(isHarEvent)).toEqual([true, true, true, false, false, false, false, false]);
});

it('the field list refuses what HAR 1.2 does not have, and misses what it wants', () => {
  const { request, ...rest } = entryOf(responseEvent());
  expect(harProblems({ ...rest, extra: 1 }, 'entry')).toEqual(
    expect.arrayContaining(['.extra: unknown', '.request: missing']),
  );
  expect(harProblems({ ...rest, request, time: 81 }, 'entry')).toEqual([
    ': time 81 is not the sum 80',
  ]);
});
