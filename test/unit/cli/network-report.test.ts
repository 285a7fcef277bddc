import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createPlainRenderer } from '../../../src/cli/ui/progress/plain-renderer.ts';
import { createRawRenderer } from '../../../src/cli/ui/progress/raw-renderer.ts';
import { renderBlocked, renderSummary } from '../../../src/cli/ui/summary.ts';
import { plainPaint } from '../../../src/cli/ui/text/paint.ts';
import type { NetworkEvent } from '../../../src/net/audit/network-event.ts';
import { NetworkTally } from '../../../src/net/audit/network-tally.ts';
import type { RunEvent } from '../../../src/project/run-event.ts';
import type { SandboxResult } from '../../../src/project/run-result.ts';
import {
  blockedEvent,
  connectionEndEvent,
  connectionEvent,
  leakEvent,
  requestEvent,
  responseEvent,
} from '../../fixtures/network-events.ts';
import { outputOf } from './fake-io.ts';

const UNLISTED = { by: 'allowed_hosts', near: [], port: 443, transport: 'https' } as const;
const PRIVATE = { by: 'range', name: 'private', cidr: '10.0.0.0/8' } as const;
const METADATA = { by: 'range', name: 'metadata', cidr: '169.254.169.254' } as const;

const suggestAllowed = (entry: string) => ({ kind: 'add', list: 'allowed_hosts', entry }) as const;

function resultOf(events: readonly NetworkEvent[], name = 'test'): SandboxResult {
  const tally = new NetworkTally();
  for (const event of events) tally.add(event);
  const status = { status: 'succeeded', exitCode: 0, durationMs: 1000, error: null } as const;
  return {
    name,
    ...status,
    bootMs: null,
    kernel: null,
    steps: [],
    service: null,
    artifacts: null,
    tests: null,
    usage: null,
    writtenFiles: { files: [], omitted: 0 },
    network: tally.summary(),
  };
}

function summaryOf(...sandboxes: SandboxResult[]): string {
  const result = { status: 'succeeded', exitCode: 0, durationMs: 1000, sandboxes } as const;
  return renderSummary(result, plainPaint);
}

describe('renderSummary() with a network', () => {
  it('prints nothing about a network that was not used', () => {
    expect(summaryOf(resultOf([]))).toBe('\n✔ test: succeeded in 1.0s\n=> succeeded in 1.0s\n');
  });

  it('lists requests by host, what was blocked and why, and the YAML that would allow it', () => {
    const events = [
      ...[requestEvent(), responseEvent(), requestEvent({ requestId: 2 })],
      ...[connectionEvent(), connectionEndEvent({ error: 'reset' })],
      ...[blockedEvent(), blockedEvent()],
      blockedEvent({
        host: 'db.other.test',
        port: 5432,
        transport: 'tcp',
        method: null,
        suggest: suggestAllowed('db.other.test:5432/tcp'),
      }),
      blockedEvent({
        host: '10.0.0.5',
        reason: 'private_address',
        decidedBy: [PRIVATE],
        suggest: { kind: 'add', list: 'allowed_private', entry: '10.0.0.5' },
      }),
      blockedEvent({
        host: 'bad.test',
        reason: 'denied',
        decidedBy: [{ by: 'denied_hosts', entry: 'bad.test' }],
        suggest: { kind: 'remove', list: 'denied_hosts', entry: 'bad.test' },
      }),
      leakEvent(),
      ...[
        blockedEvent({
          host: '169.254.169.254',
          port: 80,
          transport: 'http',
          decidedBy: [UNLISTED, METADATA],
          suggest: null,
        }),
      ],
      blockedEvent({
        ...{ host: '10.0.0.9', suggest: null },
        decidedBy: [UNLISTED, PRIVATE],
      }),
    ];
    expect(summaryOf(resultOf(events))).toBe(`
✔ test: succeeded in 1.0s
  network
    api.test      2 requests              160 B sent, 527 B received
    db.test:5432  1 connection, 1 failed  10 B sent, 20 B received
  blocked on the network: 8
    other.test          2 times: not in allowed_hosts
    10.0.0.5            private address (private, 10.0.0.0/8)
    10.0.0.9            not in allowed_hosts; private address (private, 10.0.0.0/8): if you intend this, add it to allowed_hosts and allowed_private
    169.254.169.254     not in allowed_hosts; cloud metadata (169.254.169.254), which serves credentials of this machine: do not allow it
    bad.test            denied (denied_hosts: "bad.test"); to allow it: remove "bad.test" from denied_hosts
    db.other.test:5432  not in allowed_hosts
    evil.test           placeholder of secret API_TOKEN in the body, to a host that may not have it; if it may have the value, add it to the hosts of that secret
  to allow it, add to sandbox test in gondolin.yaml:
    network:
      allowed_hosts:
        - db.other.test:5432/tcp
        - other.test
      allowed_private:  # opens a private network: only if you intend to
        - "10.0.0.5"
=> succeeded in 1.0s
`);
  });

  it.each([
    ['body', 'host_not_listed', 'in the body, to a host that may not have it; if it may'],
    [
      'header',
      'not_tls',
      'in a header, over plain HTTP; use https, or set allow_http on that secret',
    ],
    [
      'query',
      'place',
      'in the query, where its value does not go; send it in a header, or set query on',
    ],
    ['body', 'place', 'in the body, where its value does not go; send it in a header'],
    [
      'header',
      'place',
      'in a header, where its value does not go; send it whole, as the value of a header',
    ],
    [
      'websocket',
      'place',
      'in a WebSocket message, where its value does not go; send it in a header',
    ],
  ] as const)(
    'says of a placeholder in the %s (%s) what happened and what to do',
    (place, reason, want) => {
      const text = summaryOf(resultOf([leakEvent({ host: 'api.test', place, reason })]));
      expect(text).toContain(`placeholder of secret API_TOKEN ${want}`);
      expect(text).not.toContain('allowed_hosts');
    },
  );

  it('gives YAML that reads back as the same entries', () => {
    const hosts = ['a.test', '2600::1', '1.2.3.4', 'null', 'no.test', '1e3.test', 'xn--a.test'];
    const result = resultOf(
      hosts.map((host) => blockedEvent({ host, suggest: suggestAllowed(host) })),
    );
    const lines = summaryOf(result).split('\n');
    const yaml = lines.slice(lines.indexOf('    network:'), -2).join('\n');
    expect(parse(yaml)).toEqual({
      network: { allowed_hosts: result.network.toAllow.allowedHosts },
    });
    expect(result.network.toAllow.allowedHosts).toHaveLength(7);
  });

  it('shows 20 rows of each kind and counts the rest', () => {
    const events = Array.from({ length: 700 }, (_, n) =>
      blockedEvent({ host: `h${n}.test`, suggest: suggestAllowed(`h${n}.test`) }),
    );
    const text = summaryOf(resultOf(events));
    expect(text.split('\n').length).toBeLessThan(60);
    expect(text).toContain('blocked on the network: 700');
    expect(text).toContain('    and 680 more');
    expect(text).toContain('        # and 480 more');
  });

  it('sanitises names that come from the guest', () => {
    const host = 'x\u001b[2J\n=> forged';
    const text = summaryOf(resultOf([blockedEvent({ host }), requestEvent({ host })]));
    expect(text).not.toContain('\u001b');
    expect(text.split('\n').filter((line) => line.startsWith('=> '))).toHaveLength(1);
  });
});

it('renderBlocked() lists only the sandboxes in which something was blocked', () => {
  const text = renderBlocked(
    [resultOf([requestEvent()], 'good'), resultOf([blockedEvent()], 'bad')],
    plainPaint,
  );
  expect(text).toContain('bad\n  blocked on the network: 1\n');
  expect(text).not.toContain('good');
});

describe('a blocked connection during a run', () => {
  const use = new NetworkTally().add(blockedEvent({ host: 'x\u001b[2Jy.test' }));
  if (use === null) throw new Error('no row');
  const { count: _count, ...facts } = use;
  const event: RunEvent = {
    ...{ type: 'network-blocked', sandbox: 'test', time: '2026-11-21T08:00:00.000Z' },
    ...facts,
  };

  it('is a line of plain progress', async () => {
    const { stream, text } = outputOf();
    await createPlainRenderer(stream, { paint: plainPaint, keepColours: false }).onEvent(event);
    expect(text()).toBe('=> test: blocked xy.test: not in allowed_hosts\n');
  });

  it('is a line on standard error during a command with its own streams', async () => {
    const { stream, text } = outputOf();
    await createRawRenderer(stream, plainPaint, 'test').onEvent(event);
    expect(text()).toBe('=> blocked xy.test: not in allowed_hosts\n');
  });
});
