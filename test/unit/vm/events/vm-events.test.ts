import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import type { NetworkEvent } from '../../../../src/net/audit/network-event.ts';
import type { FileWatcher } from '../../../../src/vfs/operation-table.ts';
import { networkLine, toNetworkActivity } from '../../../../src/vm/events/network-activity.ts';
import type { VMEvent } from '../../../../src/vm/events/vm-event.ts';
import { VMEvents } from '../../../../src/vm/events/vm-events.ts';
import type { RunningCommand } from '../../../../src/vm/exec/running-command.ts';

const NO_LOG = { network: null, files: null };

const RESPONSE: NetworkEvent = {
  ...{ kind: 'response', timestampMs: 7, requestId: 1, connectionId: 1, method: 'GET' },
  ...{ url: 'https://api.test/?t=s3cr3t', host: 'api.test', port: 443, httpVersion: 'HTTP/1.1' },
  ...{ requestHeaders: [], secrets: [], startedMs: 1, statusCode: 200, statusText: 'OK' },
  ...{ responseHeaders: [], address: null, requestBytes: 3, responseBytes: 4, durationMs: 5.4 },
  ...{ waitMs: 1, error: null },
};
const BLOCKED: NetworkEvent = {
  ...{ kind: 'blocked', timestampMs: 7, host: 'evil.test', port: 443, transport: 'https' },
  ...{ method: null, url: null, httpVersion: null, requestHeaders: [], statusCode: null },
  ...{ reason: 'not_allowed', decidedBy: [], rule: '', suggest: null, suggestion: '' },
};

/** A file server that tells its watchers what a test says. */
class Files {
  readonly watchers = new Set<FileWatcher>();
  watch(watcher: FileWatcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
  tell(...contexts: Parameters<FileWatcher>): void {
    for (const watcher of this.watchers) watcher(...contexts);
  }
}

function running(status: Partial<Awaited<RunningCommand['exited']>>): Promise<RunningCommand> {
  const exited = Promise.resolve({ code: null, signal: null, isOutOfMemory: false, ...status });
  return Promise.resolve({ exited } as unknown as RunningCommand);
}

async function all(events: AsyncIterable<VMEvent>): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const { timestamp, ...event } of events) {
    expect(timestamp).toBeGreaterThan(0);
    found.push(event);
  }
  return found;
}

it('network, file and exec events have the fields of the Go API, with secrets masked', async () => {
  const fuse = new Files();
  const events = new VMEvents(NO_LOG);
  events.attach({ fuse, mask: (text) => text.replaceAll('s3cr3t', '[secret TOKEN]') });
  const heard = all(events.subscribe());
  events.network(RESPONSE);
  events.network(BLOCKED);
  fuse.tell({ op: 'write', path: '/data/s3cr3t', result: 3 });
  fuse.tell({ op: 'rename', path: '/a', oldPath: '/a', newPath: '/b' });
  fuse.tell({ op: 'lookup', path: '/a' });
  await events.exec('echo s3cr3t', running({ code: 3 }));
  await events.exec(['echo', "it's"], running({ signal: 9 }));
  const lost = new GondolinError('AGENT_EXEC_NOT_FOUND', 'no');
  await expect(events.exec(['no\0'], Promise.reject(lost))).rejects.toBe(lost);
  await new Promise((resolve) => setImmediate(resolve));
  events.close();
  const nothing = { status_code: 0, request_bytes: 0, response_bytes: 0, duration_ms: 0 };
  const found = await heard;
  expect(found.filter(({ type }) => type === 'network')).toEqual([
    {
      type: 'network',
      network: {
        ...{ method: 'GET', url: 'https://api.test/?t=[secret TOKEN]', host: 'api.test' },
        ...{ status_code: 200, request_bytes: 3, response_bytes: 4, duration_ms: 5 },
        blocked: false,
      },
    },
    {
      type: 'network',
      network: {
        ...{ ...nothing, method: '', url: '', host: 'evil.test', blocked: true },
        block_reason: 'host not in allowlist',
      },
    },
  ]);
  expect(found.filter(({ type }) => type === 'file')).toEqual([
    { type: 'file', file: { op: 'write', path: '/data/[secret TOKEN]', size: 3 } },
    { type: 'file', file: { op: 'rename', path: '/a', new_path: '/b', size: 0 } },
  ]);
  expect(found.filter(({ type }) => type === 'exec')).toEqual([
    { type: 'exec', exec: { command: 'echo [secret TOKEN]', exit_code: 3 } },
    { type: 'exec', exec: { command: "echo 'it'\\''s'", exit_code: 137 } },
    { type: 'exec', exec: { command: 'no', exit_code: 127 } },
  ]);
});

it('the file server is watched only while someone listens', async () => {
  const fuse = new Files();
  const events = new VMEvents(NO_LOG);
  events.attach({ fuse, mask: (text) => text });
  expect(fuse.watchers.size).toBe(0);
  const [one, two] = [events.subscribe(), events.subscribe()];
  expect(fuse.watchers.size).toBe(1);
  await one.return();
  expect(fuse.watchers.size).toBe(1);
  await two.return();
  expect(fuse.watchers.size).toBe(0);
  events.subscribe();
  events.close();
  expect(fuse.watchers.size).toBe(0);
  expect(await all(events.subscribe())).toEqual([]);
});

it('a text of the guest is masked before it is cut', async () => {
  const events = new VMEvents(NO_LOG);
  const value = 'v'.repeat(20);
  events.attach({ fuse: null, mask: (text) => text.replaceAll(value, '[secret A]') });
  const heard = all(events.subscribe());
  await events.exec('x'.repeat(4_090) + value, running({ code: 0 }));
  await new Promise((resolve) => setImmediate(resolve));
  events.close();
  const [event] = (await heard) as { exec: { command: string } }[];
  expect(event?.exec.command).toHaveLength(4_096);
  expect(event?.exec.command).toMatch(/x\[secr…$/);
});

it('the debug log shows network and files without a listener', () => {
  const fuse = new Files();
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const events = new VMEvents({ network: log, files: log });
  events.attach({ fuse, mask: (text) => text });
  events.network(BLOCKED);
  fuse.tell({ op: 'lookup', path: '/data/a' });
  expect(lines).toEqual(['evil.test blocked: host not in allowlist', 'lookup /data/a']);
});

it.each([
  [
    { ...BLOCKED, reason: 'rule', url: 'https://a.test/', method: 'PUT' },
    'PUT https://a.test/ blocked: request blocked by policy',
  ],
  [RESPONSE, 'GET https://api.test/?t=s3cr3t 200'],
  [
    {
      ...{ kind: 'connection_end', timestampMs: 1, connectionId: 1, host: 'db.test', port: 5432 },
      ...{ transport: 'tcp', sentBytes: 1, receivedBytes: 2, durationMs: 3, error: null },
    },
    'tcp://db.test:5432',
  ],
] as const)('networkLine() of an event is $1', (event, line) => {
  const activity = toNetworkActivity(event as NetworkEvent);
  expect(activity && networkLine(activity)).toBe(line);
});

it('an HTTP connection and a DNS question are no events of their own', () => {
  const base = { timestampMs: 1, host: 'a.test', port: 443 };
  const ended = {
    kind: 'connection_end',
    transport: 'https',
    connectionId: 1,
    sentBytes: 1,
  } as const;
  const numbers = { receivedBytes: 1, durationMs: 1, error: null };
  expect(toNetworkActivity({ ...base, ...ended, ...numbers })).toBeNull();
  const dns = { kind: 'dns', name: 'a.test', recordType: 'A', outcome: 'answered' } as const;
  expect(toNetworkActivity({ ...dns, timestampMs: 1 })).toBeNull();
});
