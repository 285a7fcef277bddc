import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import type { ExecOptions } from '../../../../src/vm/exec/exec-options.ts';
import { ExecProcess } from '../../../../src/vm/exec/exec-process.ts';
import { STOP_GRACE_MS } from '../../../../src/vm/exec/exec-stop.ts';
import type { CommandStatus, RunningCommand } from '../../../../src/vm/exec/running-command.ts';

/** A command whose streams and exit the test drives. */
function fakeCommand({ stdin = false }: { stdin?: boolean } = {}) {
  let exit: (status: CommandStatus) => void = () => undefined;
  const exited = new Promise<CommandStatus>((resolve) => {
    exit = resolve;
  });
  const kills: [number, string][] = [];
  const command = {
    pid: 42,
    stdin: stdin ? new PassThrough() : null,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    exited,
    exit: (status: CommandStatus) => exit(status),
    sizes: [] as unknown[],
    resize: async (size: unknown) => {
      command.sizes.push(size);
    },
    kill: async (signal: number, scope: string) => {
      kills.push([signal, scope]);
      command.finish({ code: null, signal, isOutOfMemory: false });
    },
    finish(status: CommandStatus) {
      command.stdout.end();
      command.stderr.end();
      exit(status);
    },
  };
  return { command, kills };
}

function start(options: ExecOptions = {}, stdin = false) {
  const { command, kills } = fakeCommand({ stdin });
  const process = new ExecProcess(async () => command, options);
  return { command, kills, process };
}

it('ExecProcess is a promise whose then, catch and finally give ordinary promises', async () => {
  const { command, process } = start();
  expect(process).toBeInstanceOf(Promise);
  const order: string[] = [];
  const chained = process.catch(() => undefined).finally(() => order.push('finally'));
  expect(chained).not.toBeInstanceOf(ExecProcess);
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  const [result] = await Promise.all([process, chained]);
  expect(result.ok).toBe(true);
  expect(order).toEqual(['finally']);
});

it('ExecProcess gives text, bytes, the exit code and the duration of a command that failed', async () => {
  const { command, process } = start();
  command.stdout.write(Buffer.from([0xff, 0xfe]));
  command.stderr.write('äh\n');
  command.finish({ code: 3, signal: null, isOutOfMemory: false });
  const result = await process;
  expect(result).toMatchObject({ exitCode: 3, signal: null, stderr: 'äh\n', ok: false });
  expect([...result.stdoutBuffer]).toEqual([0xff, 0xfe]);
  expect(result.stderrBuffer.toString()).toBe('äh\n');
  expect(result.durationMs).toBeGreaterThanOrEqual(0);
});

it('ExecProcess reports a death by signal as 128 + n with its name', async () => {
  const { command, process } = start();
  command.finish({ code: null, signal: 15, isOutOfMemory: false });
  expect(await process).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
});

it('json() parses standard output, and rejects what is not JSON without quoting it', async () => {
  const good = start();
  good.command.stdout.write('{"a":[1]}\n');
  good.command.finish({ code: 0, signal: null, isOutOfMemory: false });
  expect((await good.process).json()).toEqual({ a: [1] });
  const bad = start();
  bad.command.stdout.write('token hunter2');
  bad.command.finish({ code: 7, signal: null, isOutOfMemory: false });
  const result = await bad.process;
  expect(() => result.json()).toThrow(
    expect.objectContaining({ code: 'VM_OUTPUT_NOT_JSON', details: { bytes: 13, exitCode: 7 } }),
  );
  expect(() => result.json()).not.toThrow(/hunter2/);
});

it('encoding is that of the result and of the chunks', async () => {
  const { command, process } = start({ encoding: 'latin1', stdout: 'pipe' });
  command.stdout.write(Buffer.from([0xe4]));
  command.stderr.write(Buffer.from([0xe4]));
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  const chunks: string[] = [];
  for await (const chunk of process) chunks.push(chunk);
  expect(chunks).toEqual(['ä']);
  expect((await process).stderr).toBe('ä');
});

it('output() tells which stream each chunk came from and never cuts a character', async () => {
  const { command, process } = start({ stdout: 'pipe', stderr: 'pipe' });
  const chunks: [string, string, number][] = [];
  const reading = (async () => {
    for await (const { stream, text: piece, data } of process.output()) {
      chunks.push([stream, piece, data.length]);
      if (chunks.length === 1) command.stdout.write(Buffer.from([0xa4]));
      if (chunks.length === 2) command.stderr.write('err');
      if (chunks.length === 3) command.finish({ code: 0, signal: null, isOutOfMemory: false });
    }
  })();
  command.stdout.write(Buffer.from([0x61, 0xc3]));
  await reading;
  expect(chunks).toEqual([
    ['stdout', 'a', 2],
    ['stdout', 'ä', 1],
    ['stderr', 'err', 3],
  ]);
});

it('lines() joins lines over chunks, drops carriage returns and gives a last line without an end', async () => {
  const { command, process } = start({ stdout: 'pipe' });
  for (const piece of ['on', 'e\r\ntwo\n', '\nfo', 'ur']) command.stdout.write(piece);
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  const lines: string[] = [];
  for await (const line of process.lines()) lines.push(line);
  expect(lines).toEqual(['one', 'two', '', 'four']);
});

it('lines() refuses a line above maxOutputBytes', async () => {
  const { command, process } = start({ stdout: 'pipe', maxOutputBytes: 10 });
  command.stdout.write('x'.repeat(11));
  const reading = (async () => {
    for await (const line of process.lines()) expect(line).toBe('never');
  })();
  await expect(reading).rejects.toMatchObject({ code: 'VM_OUTPUT_TOO_LARGE' });
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
});

it.each([
  ['text', 'äbc'],
  ['bytes', Buffer.from('äbc')],
  ['a Readable', Readable.from([Buffer.from('ä'), 'bc'])],
  [
    'an async iterable',
    (async function* () {
      yield 'ä';
      yield Buffer.from('bc');
    })(),
  ],
])('stdin sends %s and ends', async (_, stdin) => {
  const { command, process } = start({ stdin }, true);
  expect(await text(command.stdin as Readable)).toBe('äbc');
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  expect((await process).ok).toBe(true);
});

it('a stdin that fails kills the command and rejects with VM_INPUT_FAILED and its cause', async () => {
  const cause = new Error('disk on fire');
  const stdin = new Readable({
    read() {
      this.destroy(cause);
    },
  });
  const { kills, process } = start({ stdin }, true);
  await expect(process).rejects.toMatchObject({ code: 'VM_INPUT_FAILED', cause });
  expect(kills).toEqual([[9, 'tree']]);
});

it('a command that closes its stdin early destroys the source and is not an error', async () => {
  const stdin = new Readable({ read: () => undefined });
  const { command, process } = start({ stdin }, true);
  const isClosed = once(stdin, 'close');
  await process.pid;
  command.stdin?.destroy(new Error('reset'));
  await isClosed;
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  expect((await process).exitCode).toBe(0);
});

it('a Writable gets both outputs, holds the command back while it is full, and is not ended', async () => {
  const chunks: string[] = [];
  const waiting: (() => void)[] = [];
  const sink = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      waiting.push(done);
    },
  });
  const { command, process } = start({ stdout: sink, stderr: sink });
  command.stdout.write('one');
  await vi.waitFor(() => expect(chunks).toEqual(['one']));
  command.stdout.write('two');
  await new Promise((resolve) => setImmediate(resolve));
  expect(sink.writableLength).toBe(3);
  expect(command.stdout.readableLength).toBe(3);
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  waiting.shift()?.();
  await vi.waitFor(() => expect(chunks).toEqual(['one', 'two']));
  waiting.shift()?.();
  expect((await process).stdout).toBe('');
  expect(sink.writableEnded).toBe(false);
  expect(sink.listenerCount('error') + sink.listenerCount('drain')).toBe(0);
});

it('a Writable that fails kills the command and rejects with VM_OUTPUT_FAILED', async () => {
  const cause = new Error('no space');
  const sink = new Writable({ write: (_chunk, _encoding, done) => done(cause) });
  const { command, kills, process } = start({ stdout: sink });
  command.stdout.write('x');
  command.stdout.write('y');
  const rejected = expect(process).rejects.toMatchObject({ code: 'VM_OUTPUT_FAILED', cause });
  await new Promise((resolve) => sink.once('close', resolve));
  command.stdout.write('z');
  await rejected;
  expect(kills).toEqual([[9, 'tree']]);
});

it("stdout: 'ignore' leaves nothing to read", async () => {
  const { command, process } = start({ stdout: 'ignore' });
  expect(process.stdout).toBeNull();
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  expect((await process).stdout).toBe('');
});

it.each([
  ['for await', (process: ExecProcess) => process[Symbol.asyncIterator](), "stdout: 'pipe'"],
  ['output()', (process: ExecProcess) => process.output(), "stdout: 'pipe'"],
  ['lines()', (process: ExecProcess) => process.lines(), "stdout: 'pipe'"],
  ['write()', (process: ExecProcess) => process.write('x'), 'stdin: true'],
  ['end()', (process: ExecProcess) => process.end(), 'stdin: true'],
])('%s without the option it needs throws VM_BAD_OPTION', async (_, use, want) => {
  const { command, process } = start();
  expect(() => use(process)).toThrow(
    expect.objectContaining({ code: 'VM_BAD_OPTION', message: expect.stringContaining(want) }),
  );
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  await process;
});

it('an output option that does not exist throws VM_BAD_OPTION', () => {
  const options = { stdout: 'both' } as unknown as ExecOptions;
  expect(() => start(options)).toThrow(expect.objectContaining({ code: 'VM_BAD_OPTION' }));
});

it('a failed command that nobody awaits is not an unhandled rejection', async () => {
  const cause = new Error('gone');
  const process = new ExecProcess(async () => {
    throw cause;
  }, {});
  await new Promise((resolve) => setImmediate(resolve));
  await expect(process).rejects.toBe(cause);
});

it('a piped output that nobody reads is collected when the command is awaited', async () => {
  const { command, process } = start({ stdout: 'pipe' });
  command.stdout.write('unread');
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  expect((await process).stdout).toBe('unread');
});

it('a stopped command that exits before its descendants rejects once they are dead too', async () => {
  const { command } = fakeCommand();
  let confirm: () => void = () => undefined;
  const confirmed = new Promise<void>((resolve) => {
    confirm = resolve;
  });
  command.kill = (signal: number) => {
    command.finish({ code: null, signal, isOutOfMemory: false });
    return confirmed;
  };
  const stop = new AbortController();
  const process = new ExecProcess(async () => command, { signal: stop.signal });
  let isOver = false;
  const rejected = expect(process.finally(() => (isOver = true))).rejects.toMatchObject({
    code: 'VM_EXEC_ABORTED',
  });
  await process.pid;
  stop.abort();
  await command.exited;
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  confirm();
  await rejected;
});

describe('a guest that does not obey a kill', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('holds the caller of a timed out command up no longer than the grace', async () => {
    const { command } = fakeCommand();
    command.kill = () => new Promise<void>(() => undefined);
    const process = new ExecProcess(async () => command, { timeoutMs: 1_000 });
    const rejected = expect(process).rejects.toMatchObject({ code: 'VM_EXEC_TIMEOUT' });
    await vi.advanceTimersByTimeAsync(1_000 + STOP_GRACE_MS);
    await rejected;
    expect(command.stdout.destroyed).toBe(true);
  });

  it('holds the caller up no longer by an exit without the end of its output', async () => {
    const { command } = fakeCommand();
    command.kill = async (signal: number) =>
      command.exit({ code: null, signal, isOutOfMemory: false });
    const process = new ExecProcess(async () => command, { timeoutMs: 1_000 });
    const rejected = expect(process).rejects.toMatchObject({ code: 'VM_EXEC_TIMEOUT' });
    await vi.advanceTimersByTimeAsync(1_000 + STOP_GRACE_MS);
    await rejected;
  });

  it('is given up also when it does not even start the command, which is killed if it starts later', async () => {
    const { command, kills } = fakeCommand();
    let startNow: (command: RunningCommand) => void = () => undefined;
    const starting = new Promise<RunningCommand>((resolve) => {
      startNow = resolve;
    });
    const process = new ExecProcess(() => starting, { timeoutMs: 1_000 });
    const rejected = expect(process).rejects.toMatchObject({ code: 'VM_EXEC_TIMEOUT' });
    await vi.advanceTimersByTimeAsync(1_000 + STOP_GRACE_MS);
    await rejected;
    startNow(command);
    await vi.advanceTimersByTimeAsync(0);
    expect(kills).toEqual([[9, 'tree']]);
  });

  it.each([
    ['AGENT_TIMEOUT', 1],
    ['AGENT_REQUEST_FAILED', 1],
    ['MUX_CLOSED', 0],
  ] as const)('whose kill fails with %s has %i survivors', async (code, count) => {
    const { command } = fakeCommand();
    const survivors: unknown[] = [];
    command.kill = () => Promise.reject(new GondolinError(code, 'no'));
    const process = new ExecProcess(
      async () => command,
      { timeoutMs: 1_000 },
      (error) => error,
      (error) => survivors.push(error),
    );
    const rejected = expect(process).rejects.toMatchObject({ code: 'VM_EXEC_TIMEOUT' });
    await vi.advanceTimersByTimeAsync(1_000 + STOP_GRACE_MS);
    await rejected;
    expect(survivors).toHaveLength(count);
  });
});

it('resize() passes the size on, and refuses one that no terminal has', async () => {
  const { command, process } = start({ pty: true, rows: 30, columns: 100 });
  await process.resize(50, 132);
  expect(command.sizes).toEqual([{ rows: 50, columns: 132 }]);
  for (const [rows, columns] of [
    [0, 80],
    [24, 65_536],
    [24.5, 80],
  ] as const) {
    await expect(process.resize(rows, columns)).rejects.toMatchObject({ code: 'VM_BAD_OPTION' });
  }
  expect(command.sizes).toHaveLength(1);
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  await process;
});

it('a size needs pty: true', async () => {
  expect(() => start({ rows: 24 })).toThrow(/rows and columns: need pty: true/);
  const { command, process } = start();
  await expect(process.resize(24, 80)).rejects.toMatchObject({ code: 'VM_BAD_OPTION' });
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  await process;
});

it('an output that fails while its reader handles a chunk is no unhandled rejection', async () => {
  const { command, process } = start({ stdout: 'pipe' });
  command.stdout.write('one');
  const chunks = process[Symbol.asyncIterator]();
  expect(await chunks.next()).toMatchObject({ value: 'one' });
  process.stdout?.destroy(new Error('the VM ended'));
  await new Promise((resolve) => command.stdout.once('close', resolve));
  await expect(chunks.next()).rejects.toThrow('the VM ended');
  command.finish({ code: 0, signal: null, isOutOfMemory: false });
  await process;
});

it('an output that its reader gave up does not fail the command', async () => {
  const { command, process } = start({ stdout: 'pipe' });
  process.stdout?.destroy();
  await new Promise((resolve) => process.stdout?.once('close', resolve));
  command.finish({ code: 7, signal: null, isOutOfMemory: false });
  expect(await process).toMatchObject({ exitCode: 7, stdout: '' });
});

it('attach() needs a terminal and an output that nobody reads', async () => {
  const plain = start({ stdout: 'pipe' });
  expect(() => plain.process.attach()).toThrow(/needs pty: true, stdin: true and stdout: 'pipe'/);
  const read = start({ pty: true, stdin: true, stdout: 'pipe' }, true);
  read.process.stdout?.resume();
  expect(() => read.process.attach()).toThrow(/the output is read already/);
  for (const { command, process } of [plain, read]) {
    command.finish({ code: 0, signal: null, isOutOfMemory: false });
    await process;
  }
});
