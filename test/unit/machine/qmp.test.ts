import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { QmpClient, type QmpEvent } from '../../../src/machine/qmp.ts';
import { MAX_QMP_LINE_BYTES, QmpLineDecoder } from '../../../src/machine/qmp-line-decoder.ts';

afterEach(() => {
  vi.useRealTimers();
});

const GREETING = {
  QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 } }, capabilities: [] },
};

interface Request {
  readonly execute: string;
  readonly arguments: Record<string, unknown>;
  readonly id: number;
}

/** QEMU's end of a monitor: sends the greeting, accepts the negotiation, leaves the rest to `answer`. */
class FakeMonitor extends Duplex {
  readonly requests: Request[] = [];
  readonly #answer: (request: Request, monitor: FakeMonitor) => void;

  constructor(answer: (request: Request, monitor: FakeMonitor) => void = () => undefined) {
    super({ emitClose: true });
    this.#answer = answer;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    const request = JSON.parse(chunk.toString()) as Request;
    this.requests.push(request);
    if (request.execute === 'qmp_capabilities') this.say({ return: {}, id: request.id });
    else this.#answer(request, this);
    done();
  }

  say(message: unknown): void {
    this.push(`${JSON.stringify(message)}\r\n`);
  }
}

async function connected(answer?: (request: Request, monitor: FakeMonitor) => void) {
  const monitor = new FakeMonitor(answer);
  monitor.say(GREETING);
  return { monitor, client: await QmpClient.connect(monitor) };
}

const failure = (code: string) => expect.objectContaining({ code }) as GondolinError;

it('QmpClient.connect() negotiates after the greeting', async () => {
  const { monitor } = await connected();
  expect(monitor.requests.map(({ execute }) => execute)).toEqual(['qmp_capabilities']);
});

it('QmpClient.connect() sends nothing before the greeting', async () => {
  const monitor = new FakeMonitor();
  const connecting = QmpClient.connect(monitor);
  expect(monitor.requests).toEqual([]);
  monitor.say(GREETING);
  await connecting;
});

it('QmpClient.open() negotiates before its first command, and sends nothing without one', async () => {
  const monitor = new FakeMonitor(({ id }, peer) => peer.say({ return: 'done', id }));
  const client = QmpClient.open(monitor);
  monitor.say(GREETING);
  await new Promise(setImmediate);
  expect(monitor.requests).toEqual([]);
  const both = ['a', 'b'].map((name) => client.execute(name));
  await expect(Promise.all(both)).resolves.toEqual(['done', 'done']);
  expect(monitor.requests.map(({ execute }) => execute)).toEqual(['qmp_capabilities', 'a', 'b']);
});

it('QmpClient.open() fails a command of a monitor that closes before its greeting', async () => {
  const monitor = new FakeMonitor();
  const client = QmpClient.open(monitor);
  const command = client.execute('stop');
  monitor.destroy();
  await expect(command).rejects.toThrow(failure('MACHINE_QMP_CLOSED'));
});

it('QmpClient.execute() matches responses to commands in any order', async () => {
  const waiting: Request[] = [];
  const { client } = await connected((request, monitor) => {
    waiting.push(request);
    if (waiting.length < 3) return;
    for (const { id, execute } of waiting.toReversed()) monitor.say({ return: execute, id });
  });
  const answers = await Promise.all(['a', 'b', 'c'].map((name) => client.execute(name)));
  expect(answers).toEqual(['a', 'b', 'c']);
});

it('QmpClient.execute() sends its arguments', async () => {
  const { client, monitor } = await connected(({ id }, peer) => peer.say({ return: null, id }));
  await client.execute('migrate', { uri: 'fd:7' });
  expect(monitor.requests[1]).toMatchObject({ execute: 'migrate', arguments: { uri: 'fd:7' } });
});

it('QmpClient.execute() rejects when QEMU refuses, and the session continues', async () => {
  const { client } = await connected(({ id, execute }, peer) => {
    if (execute === 'fine') peer.say({ return: 1, id });
    else peer.say({ error: { class: 'GenericError', desc: 'no\x1b[2J way' }, id });
  });
  await expect(client.execute('bad')).rejects.toMatchObject({
    code: 'MACHINE_QMP_FAILED',
    message: 'QEMU refused bad: no?[2J way',
  });
  expect(await client.execute('fine')).toBe(1);
});

it('QmpClient.execute() rejects after its time limit, and drops the late response', async () => {
  vi.useFakeTimers();
  const { client, monitor } = await connected();
  const slow = client.execute('slow', {}, { timeoutMs: 50 });
  const outcome = expect(slow).rejects.toEqual(failure('MACHINE_QMP_TIMEOUT'));
  await vi.advanceTimersByTimeAsync(50);
  await outcome;
  monitor.say({ return: {}, id: monitor.requests[1]?.id });
  const next = client.execute('next');
  monitor.say({ return: 'ok', id: monitor.requests[2]?.id });
  expect(await next).toBe('ok');
});

it('QmpClient.connect() rejects and destroys the channel when no greeting arrives', async () => {
  vi.useFakeTimers();
  const monitor = new FakeMonitor();
  const outcome = expect(QmpClient.connect(monitor, { timeoutMs: 50 })).rejects.toEqual(
    failure('MACHINE_QMP_TIMEOUT'),
  );
  await vi.advanceTimersByTimeAsync(50);
  await outcome;
  expect(monitor.destroyed).toBe(true);
});

it('QmpClient.onEvent() reports events until the listener is removed', async () => {
  const { client, monitor } = await connected(({ id }, peer) => peer.say({ return: {}, id }));
  const events: QmpEvent[] = [];
  const off = client.onEvent((event) => events.push(event));
  monitor.say({ event: 'STOP', timestamp: {} });
  monitor.say({ event: 'SHUTDOWN', data: { guest: true } });
  await client.execute('sync');
  off();
  monitor.say({ event: 'RESUME' });
  await client.execute('sync');
  expect(events).toEqual([
    { name: 'STOP', data: {} },
    { name: 'SHUTDOWN', data: { guest: true } },
  ]);
});

it.each([
  { name: 'a line that is not JSON', raw: 'hello\n' },
  { name: 'a JSON array', raw: '[]\n' },
  { name: 'a JSON null', raw: 'null\n' },
  { name: 'an answer to a command never sent', raw: '{"return":{},"id":99}\n' },
  { name: 'an answer without an id', raw: '{"error":{"desc":"x"}}\n' },
  { name: 'an answer with an id of another kind', raw: '{"return":{},"id":"1"}\n' },
  { name: 'an answer to the greeting', raw: '{"return":{},"id":0}\n' },
  { name: 'an object of no known kind', raw: '{}\n' },
  { name: 'an endless line', raw: 'x'.repeat(MAX_QMP_LINE_BYTES + 1) },
])('QmpClient ends every command and the channel when QEMU sends $name', async ({ raw }) => {
  const { client, monitor } = await connected();
  const pending = [client.execute('one'), client.execute('two')];
  const outcomes = pending.map((command) =>
    expect(command).rejects.toEqual(failure('MACHINE_QMP_PROTOCOL')),
  );
  monitor.push(raw);
  await Promise.all(outcomes);
  await expect(client.execute('three')).rejects.toEqual(failure('MACHINE_QMP_PROTOCOL'));
  expect(monitor.destroyed).toBe(true);
});

it('QmpClient.connect() refuses a first message that is not a greeting', async () => {
  const monitor = new FakeMonitor();
  monitor.say({ event: 'STOP' });
  await expect(QmpClient.connect(monitor)).rejects.toEqual(failure('MACHINE_QMP_PROTOCOL'));
});

it.each([
  { name: 'ends', end: (monitor: FakeMonitor) => monitor.push(null) },
  { name: 'is destroyed', end: (monitor: FakeMonitor) => monitor.destroy() },
  { name: 'fails', end: (monitor: FakeMonitor) => monitor.destroy(new Error('reset')) },
])('QmpClient rejects pending commands when the channel $name', async ({ end }) => {
  const { client, monitor } = await connected();
  const outcome = expect(client.execute('one')).rejects.toEqual(failure('MACHINE_QMP_CLOSED'));
  end(monitor);
  await outcome;
  await expect(client.execute('two')).rejects.toEqual(failure('MACHINE_QMP_CLOSED'));
});

it('QmpClient.close() may be called twice', async () => {
  const { client, monitor } = await connected();
  client.close();
  client.close();
  expect(monitor.destroyed).toBe(true);
  await expect(client.execute('x')).rejects.toEqual(failure('MACHINE_QMP_CLOSED'));
});

it('QmpLineDecoder finds the same messages wherever the bytes are split', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(
      fc.array(object),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      (all, cuts) => {
        const bytes = Buffer.from(all.map((one) => `${JSON.stringify(one)}\r\n`).join(''));
        const decoder = new QmpLineDecoder();
        const got: unknown[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = cuts.next().value as number;
          got.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(got).toEqual(JSON.parse(JSON.stringify(all)));
      },
    ),
  );
});

it('QmpLineDecoder throws only MACHINE_QMP_PROTOCOL for random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        new QmpLineDecoder().push(Buffer.from(bytes));
      } catch (error) {
        expect(GondolinError.is(error) && error.code).toBe('MACHINE_QMP_PROTOCOL');
      }
    }),
  );
});
