import { describe, expect, it } from 'vitest';
import type { NetworkEvent } from '../../../../src/net/audit/network-event.ts';
import { NetworkTally } from '../../../../src/net/audit/network-tally.ts';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import type { AddableList } from '../../../../src/net/refusal/refusal.ts';
import {
  blockedEvent,
  connectionEndEvent,
  connectionEvent,
  dnsEvent,
  leakEvent,
  requestEvent,
  responseEvent,
} from '../../../fixtures/network-events.ts';

/** Head of the request of `requestEvent()`. */
const HEAD_BYTES = [
  'POST /v1/items?page=2&access_token=hunter2 HTTP/1.1',
  ...['host: api.test', 'Authorization: Bearer hunter2', 'cookie: sid=hunter2; theme=dark'],
  ...['accept: */*', '', ''],
].join('\r\n').length;

function tallyOf(...events: NetworkEvent[]) {
  const tally = new NetworkTally();
  for (const event of events) tally.add(event);
  return tally;
}

describe('NetworkTally', () => {
  it('is empty when nothing happened', () => {
    expect(new NetworkTally().summary()).toEqual({
      hosts: [],
      blocked: [],
      blockedCount: 0,
      omittedHosts: 0,
      omittedBlocked: 0,
      toAllow: { allowedHosts: [], allowedPrivate: [] },
    });
  });

  it('adds up requests, bytes and failures by host, the busiest first', () => {
    const { hosts } = tallyOf(
      requestEvent({ host: 'b.test' }),
      requestEvent(),
      responseEvent(),
      requestEvent({ requestId: 2 }),
      responseEvent({ requestId: 2, statusCode: 0, error: 'reset' }),
    ).summary();
    expect(hosts).toMatchObject([
      { host: 'api.test', requests: 2, failed: 1, sentBytes: 2 * (HEAD_BYTES + 12) },
      { host: 'b.test', requests: 1, failed: 0, sentBytes: 0, receivedBytes: 0 },
    ]);
  });

  it('counts heads as HTTP/1.1 writes them, whatever the body: they can carry data out too', () => {
    const url = 'https://api.test/p?data=0123456789';
    const requestHeaders = [['host', 'api.test'] as const];
    const [use] = tallyOf(
      requestEvent({ method: 'GET', url, requestHeaders }),
      responseEvent({
        ...{ method: 'GET', url, requestHeaders, requestBytes: 0, responseBytes: 5 },
        ...{ statusCode: 200, statusText: 'OK', responseHeaders: [['content-length', '5']] },
      }),
    ).summary().hosts;
    const sent = 'GET /p?data=0123456789 HTTP/1.1\r\nhost: api.test\r\n\r\n';
    const received = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
    expect(use).toMatchObject({ sentBytes: sent.length, receivedBytes: received.length });
  });

  it('counts no bytes of a request that no server was dialled for', () => {
    const [use] = tallyOf(
      requestEvent(),
      responseEvent({ address: null, statusCode: 502, error: 'cannot connect' }),
    ).summary().hosts;
    expect(use).toMatchObject({ requests: 1, failed: 1, sentBytes: 0, receivedBytes: 0 });
  });

  it('counts nothing received where no answer came', () => {
    const [use] = tallyOf(
      requestEvent(),
      responseEvent({ statusCode: 0, responseHeaders: [], responseBytes: 0, error: 'reset' }),
    ).summary().hosts;
    expect(use).toMatchObject({ failed: 1, receivedBytes: 0 });
  });

  it('counts connections that are not opened, by name or by address', () => {
    const { hosts } = tallyOf(
      connectionEvent(),
      connectionEvent({ connectionId: 10, host: null }),
      connectionEndEvent(),
      connectionEndEvent({ connectionId: 10, host: null, error: 'reset' }),
      // Requests tell of what is opened.
      connectionEvent({ connectionId: 11, transport: 'https' }),
      connectionEndEvent({ connectionId: 11, transport: 'https' }),
    ).summary();
    expect(hosts).toMatchObject([
      { host: '192.0.2.9', connections: 1, failed: 1, sentBytes: 10 },
      { host: 'db.test', connections: 1, failed: 0, receivedBytes: 20 },
    ]);
  });

  it('groups what was blocked, and names the entries that would allow it', () => {
    const suggest = (list: AddableList, entry: string) =>
      ({ suggest: { kind: 'add', list, entry } }) as const;
    const privately = (host: string, name = 'private', cidr = '10.0.0.0/8') => ({
      ...({ host, reason: 'private_address', decidedBy: [{ by: 'range', name, cidr }] } as const),
      ...suggest('allowed_private', host),
    });
    const tally = tallyOf(
      blockedEvent(),
      blockedEvent({ url: 'https://other.test/y' }),
      blockedEvent({
        ...{ host: 'db.test', port: 5432, transport: 'tcp', method: null, url: null },
        ...suggest('allowed_hosts', 'db.test:5432/tcp'),
      }),
      blockedEvent({ host: 'web.test', port: 8443, ...suggest('allowed_hosts', 'web.test:8443') }),
      blockedEvent({ host: '2600::1', ...suggest('allowed_hosts', '[2600::1]:22/tcp') }),
      blockedEvent(privately('in.test')),
      blockedEvent(privately('10.0.0.5')),
      blockedEvent(privately('169.254.169.254', 'metadata', '169.254.169.254')),
      blockedEvent(privately('fd00:ec2::254', 'renamed', 'fd00:ec2::254')),
      blockedEvent({
        host: '169.254.169.254',
        ...suggest('allowed_hosts', '169.254.169.254:8080'),
      }),
      blockedEvent({
        host: 'bad.test',
        reason: 'denied',
        suggest: { kind: 'remove', list: 'denied_hosts', entry: 'bad.test' },
      }),
      leakEvent(),
    );
    const { blocked, blockedCount, toAllow } = tally.summary();
    expect(blockedCount).toBe(12);
    expect(blocked[0]).toMatchObject({ host: 'other.test', reason: 'not_allowed', count: 2 });
    expect(blocked).toHaveLength(11);
    expect(blocked.find(({ reason }) => reason === 'secret_leak')).toMatchObject({
      rule: 'API_TOKEN',
      leak: { place: 'body', reason: 'host_not_listed' },
    });
    expect(toAllow).toEqual({
      allowedHosts: ['[2600::1]:22/tcp', 'db.test:5432/tcp', 'other.test', 'web.test:8443'],
      allowedPrivate: ['10.0.0.5', 'in.test'],
    });
  });

  it('understands what the policy suggests', () => {
    const policy = compilePolicy({
      ...{ mode: 'allowlist', allowedHosts: ['in.test'], deniedHosts: [], rules: [] },
      ...{ blockPrivateIps: true, allowedPrivate: [] },
    });
    const address = '1.2.3.4';
    const verdicts = [
      policy.decideConnection({ name: 'a.test', address, port: 443, transport: 'https' }),
      policy.decideConnection({ name: 'b.test', address, port: 22, transport: 'tcp' }),
      policy.decideConnection({ name: null, address, port: 8080, transport: 'http' }),
      policy.decideAddress('10.0.0.5', 'in.test'),
      // What nobody meant is in no line to paste.
      policy.decideConnection({ name: null, address: '10.0.0.6', port: 80, transport: 'http' }),
      policy.decideConnection({
        ...{ name: null, address: '169.254.169.254', port: 80, transport: 'http' },
      }),
      policy.decideAddress('169.254.169.254', 'in.test'),
      policy.decideAddress('169.254.169.254', null),
    ];
    const events = verdicts.flatMap((verdict) => {
      if (verdict.isAllowed) return [];
      const { reason, decidedBy, suggest } = verdict;
      return [blockedEvent({ reason, decidedBy, suggest })];
    });
    expect(tallyOf(...events).summary().toAllow).toEqual({
      allowedHosts: ['1.2.3.4:8080', 'a.test', 'b.test:22/tcp'],
      allowedPrivate: ['in.test'],
    });
  });

  it('suggests nothing that is no host, whatever a guest sends as one', () => {
    const suggested = (host: string) =>
      blockedEvent({ host, suggest: { kind: 'add', list: 'allowed_hosts', entry: host } });
    const hosts = ['*', '*.test', '10.0.0.0/8', 'a\nmode: open', 'a: b', '', 'localhost', 'x"y'];
    const { toAllow } = tallyOf(...hosts.map(suggested)).summary();
    expect(toAllow.allowedHosts).toEqual([]);
  });

  it('says which refusal is the first of its kind', () => {
    const tally = new NetworkTally();
    const events = [
      blockedEvent(),
      blockedEvent(),
      dnsEvent({ outcome: 'refused' }),
      requestEvent(),
    ];
    expect(events.map((event) => tally.add(event)?.host ?? null)).toEqual([
      'other.test',
      null,
      null,
      null,
    ]);
    expect(tally.blockedCount).toBe(2);
  });

  it('keeps a bounded number of rows and counts the rest', () => {
    const tally = new NetworkTally();
    for (let n = 0; n < 2000; n += 1) {
      tally.add(blockedEvent({ host: `h${n}.test` }));
      tally.add(requestEvent({ host: `h${n}.test` }));
      tally.add(connectionEvent({ host: `c${n}.test`, connectionId: n }));
    }
    const summary = tally.summary();
    expect(summary.blocked).toHaveLength(500);
    expect(summary.hosts).toHaveLength(500);
    expect(summary).toMatchObject({ blockedCount: 2000, omittedBlocked: 1500, omittedHosts: 3500 });
  });
});
