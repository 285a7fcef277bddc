import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AuditOutput, MAX_WAITING_LENGTH } from '../../../../src/net/audit/audit-output.ts';
import { EventsFile } from '../../../../src/net/audit/events-file.ts';
import { HarFile } from '../../../../src/net/audit/har-file.ts';
import { harProblems } from '../../../fixtures/har-fields.ts';
import {
  blockedEvent,
  connectionEvent,
  dnsEvent,
  requestEvent,
  responseEvent,
} from '../../../fixtures/network-events.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;
const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const sandbox = 'test';

describe('EventsFile', () => {
  it('writes each event as a line of JSON, for this user only', async () => {
    const path = join(temporaryDirectory(), 'events.jsonl');
    const file = await EventsFile.open(path);
    expect(modeOf(path)).toBe(0o600);
    const events = [dnsEvent(), connectionEvent(), requestEvent(), responseEvent(), blockedEvent()];
    for (const event of events) file.write({ sandbox, event });
    await file.close();
    const lines = linesOf(path).map((line) => JSON.parse(line));
    expect(lines.map(({ kind }) => kind)).toEqual(events.map(({ kind }) => kind));
    expect(lines[0]).toEqual({
      type: 'network',
      kind: 'dns',
      time: '2026-11-21T08:00:00.125Z',
      sandbox: 'test',
      name: 'api.test',
      recordType: 'A',
      outcome: 'answered',
    });
    expect(readFileSync(path, 'utf8')).not.toContain('hunter2');
  });

  it('writes events as they come, not at the end', async () => {
    const path = join(temporaryDirectory(), 'events.jsonl');
    const file = await EventsFile.open(path);
    file.write({ sandbox, event: dnsEvent() });
    await expect.poll(() => linesOf(path)).toHaveLength(1);
    file.write({ sandbox, event: dnsEvent() });
    await expect.poll(() => linesOf(path)).toHaveLength(2);
    await file.close();
  });

  it('keeps the order of 20,000 events, and a name cannot break a line', async () => {
    const path = join(temporaryDirectory(), 'events.jsonl');
    const file = await EventsFile.open(path);
    for (let n = 0; n < 20_000; n += 1) {
      file.write({ sandbox, event: dnsEvent({ name: `${n}\n\u2028\u001b[31m` }) });
    }
    await file.close();
    const names = linesOf(path).map((line) => Number.parseInt(JSON.parse(line).name, 10));
    expect(names).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
    for (const character of ['\u001b', '\u2028']) {
      expect(readFileSync(path, 'utf8')).not.toContain(character);
    }
  });

  it('empties a file that is there, and takes it away from others', async () => {
    const path = join(temporaryDirectory(), 'events.jsonl');
    writeFileSync(path, 'old\n'.repeat(1000));
    chmodSync(path, 0o644);
    const file = await EventsFile.open(path);
    file.write({ sandbox, event: dnsEvent() });
    await file.close();
    expect(linesOf(path)).toHaveLength(1);
    expect(modeOf(path)).toBe(0o600);
  });

  it('refuses a link that a guest may have planted, a directory and a missing directory', async () => {
    const directory = temporaryDirectory();
    const target = join(directory, 'target');
    writeFileSync(target, 'precious');
    symlinkSync(target, join(directory, 'link'));
    mkdirSync(join(directory, 'dir'));
    for (const name of ['link', 'dir', 'gone/events']) {
      const opened = EventsFile.open(join(directory, name));
      await expect(opened, name).rejects.toMatchObject({ code: 'NET_AUDIT_UNUSABLE', exit: 2 });
    }
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  it('writes into a pipe of the shell', () => {
    const path = resolve(import.meta.dirname, '../../../../src/net/audit/events-file.ts');
    const script = `import { EventsFile } from ${JSON.stringify(path)};
      const file = await EventsFile.open(process.argv[1]);
      file.write({ sandbox: 's', event: { kind: 'dns', timestampMs: 0, name: 'a.test', recordType: 'A', outcome: 'answered' } });
      await file.close();`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script];
    const quoted = node.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const { stdout, stderr } = spawnSync('bash', ['-c', `${quoted} >(cat); wait $!`], {
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout || '{}'), stderr).toMatchObject({ kind: 'dns', name: 'a.test' });
  });
});

describe('AuditOutput', () => {
  const toBatch = (records: readonly string[]) => ({ text: records.join(''), position: null });

  it('leaves out and counts what the disk is too slow for', async () => {
    const path = join(temporaryDirectory(), 'out');
    const output = await AuditOutput.open(path, { needsFile: false, toBatch });
    const record = 'x'.repeat(2 ** 20);
    for (let n = 0; n < 40; n += 1) output.push(record);
    expect(output.lost).toBe(40 - MAX_WAITING_LENGTH / 2 ** 20);
    await output.close(['end\n']);
    expect(statSync(path).size).toBe(MAX_WAITING_LENGTH + 4);
  });

  it('takes no more than its budget, and counts the rest', async () => {
    const directory = temporaryDirectory();
    const events = await EventsFile.open(join(directory, 'events'), { maxLength: 10_000 });
    const har = await HarFile.open(join(directory, 'har'), '1', { maxLength: 10_000 });
    for (let n = 0; n < 100; n += 1) {
      events.write({ sandbox: 'box', event: responseEvent() });
      har.write({ sandbox: 'box', event: responseEvent() });
    }
    await events.close();
    await expect(har.close()).rejects.toMatchObject({ code: 'NET_AUDIT_FAILED' });
    const lines = readFileSync(join(directory, 'events'), 'utf8').trimEnd().split('\n');
    const last: unknown = JSON.parse(lines.at(-1) ?? '');
    expect(last).toEqual({ type: 'lost', count: 100 - (lines.length - 1) });
    expect(lines.length).toBeGreaterThan(3);
    for (const name of ['events', 'har']) {
      expect(statSync(join(directory, name)).size).toBeLessThan(10_200);
    }
  });

  it('fails at its end with NET_AUDIT_FAILED when the disk is full', async () => {
    const output = await AuditOutput.open('/dev/full', { needsFile: false, toBatch });
    output.push('x\n');
    await expect(output.close()).rejects.toMatchObject({
      code: 'NET_AUDIT_FAILED',
      details: { path: '/dev/full' },
    });
  });
});

describe('HarFile', () => {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

  it('is a valid HAR 1.2 from its start, after each request and at its end', async () => {
    const path = join(temporaryDirectory(), 'run.har');
    const file = await HarFile.open(path, '1.2.3');
    await expect.poll(() => statSync(path).size).toBeGreaterThan(0);
    expect(read(path)).toEqual({
      log: { version: '1.2', creator: { name: 'gondolin', version: '1.2.3' }, entries: [] },
    });
    for (const count of [1, 2, 3]) {
      file.write({ sandbox, event: responseEvent({ statusText: 'Größe '.repeat(count) }) });
      await expect.poll(() => read(path).log.entries.length).toBe(count);
    }
    file.write({ sandbox, event: requestEvent() });
    file.write({ sandbox, event: blockedEvent() });
    await file.close();
    const har = read(path);
    expect(harProblems(har)).toEqual([]);
    expect(
      har.log.entries.map((entry: { response: { status: number } }) => entry.response.status),
    ).toEqual([302, 302, 302, 403]);
    expect(modeOf(path)).toBe(0o600);
    expect(readFileSync(path, 'utf8')).not.toContain('hunter2');
  });

  it('says how many requests it had to leave out, and is valid without them', async () => {
    const path = join(temporaryDirectory(), 'run.har');
    const file = await HarFile.open(path, '1');
    const requestHeaders = Array.from({ length: 256 }, () => ['x-long', 'v'.repeat(8192)] as const);
    for (let n = 0; n < 20; n += 1)
      file.write({ sandbox, event: responseEvent({ requestHeaders }) });
    await expect(file.close()).rejects.toMatchObject({
      code: 'NET_AUDIT_FAILED',
      details: { lost: expect.any(Number) },
    });
    const { entries } = read(path).log;
    expect(entries.length).toBeGreaterThan(3);
    expect(entries.length).toBeLessThan(20);
  });

  it('refuses what is no regular file', async () => {
    await expect(HarFile.open('/dev/null', '1')).rejects.toMatchObject({
      code: 'NET_AUDIT_UNUSABLE',
    });
  });

  it('is valid JSON when its process is killed before it is closed', async () => {
    const path = join(temporaryDirectory(), 'run.har');
    const source = resolve(import.meta.dirname, '../../../fixtures/har-writer.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', source, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await exited;
    const har = read(path);
    expect(har.log.entries).toHaveLength(200);
    expect(harProblems(har)).toEqual([]);
  });
});
