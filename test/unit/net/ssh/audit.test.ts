import { expect, it } from 'vitest';
import { NetworkTally } from '../../../../src/net/audit/network-tally.ts';
import { redactEvent } from '../../../../src/net/audit/redact-event.ts';
import { createSecretMask, maskEvent } from '../../../../src/net/audit/secret-mask.ts';
import { sshCommandEvent } from '../../../fixtures/network-events.ts';

it('connections and refusals of SSH count in the summary, so that on_blocked: fail sees them', () => {
  const tally = new NetworkTally();
  const place = { connectionId: 1, host: 'git.test', port: 22, transport: 'ssh' } as const;
  tally.add({ kind: 'connection', timestampMs: 0, ...place, address: '192.0.2.7' });
  tally.add(sshCommandEvent());
  const bytes = { sentBytes: 3, receivedBytes: 5, durationMs: 1, error: null };
  tally.add({ kind: 'connection_end', timestampMs: 1, ...place, ...bytes });
  const none = { method: null, url: null, httpVersion: null, requestHeaders: [], statusCode: null };
  tally.add({
    ...{ kind: 'blocked', timestampMs: 1, host: 'git.test', port: 22, transport: 'ssh', ...none },
    reason: 'ssh_command',
    decidedBy: [{ by: 'ssh', check: 'commands', asked: 'id' }],
    rule: '',
    suggest: { kind: 'ssh_command', host: 'git.test', command: 'id' },
    suggestion: '',
  });
  const { hosts, blocked, blockedCount, toAllow } = tally.summary();
  expect(hosts).toMatchObject([
    { host: 'git.test', connections: 1, sentBytes: 3, receivedBytes: 5 },
  ]);
  expect(blockedCount).toBe(1);
  expect(blocked[0]).toMatchObject({
    reason: 'ssh_command',
    suggestion: 'ssh: [{ hosts: ["git.test"], commands: ["id"] }]',
  });
  expect(toAllow.allowedHosts).toEqual([]);
});

it('a secret in a command is masked, and a long command is cut', () => {
  const mask = createSecretMask([{ name: 'T', value: 'hunter2hunter2' }]);
  const event = { ...sshCommandEvent(), command: `echo hunter2hunter2 ${'x'.repeat(9000)}` };
  const shown = JSON.stringify(redactEvent(maskEvent(event, mask)));
  expect(shown).not.toContain('hunter2');
  expect(shown.length).toBeLessThan(8500);
});
