import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { RunEvent } from '../../../src/project/run-event.ts';
import { runPlan } from '../../../src/project/run-plan.ts';
import type { CreateSandboxVm } from '../../../src/project/runner-vm.ts';
import { KILL_LIMIT_MS } from '../../../src/project/step/run-attempt.ts';
import { type FakeProcess, fakeVms, plan, recorder, sandbox, step } from './fake-vm.ts';

/** Resolves with the event when it comes. */
function waiter() {
  const { events, lines, onEvent } = recorder();
  const waiting: { type: string; resolve: () => void }[] = [];
  const listener = (event: RunEvent) => {
    onEvent(event);
    for (const entry of waiting) if (entry.type === event.type) entry.resolve();
  };
  const until = (type: RunEvent['type']) =>
    new Promise<void>((resolve) => waiting.push({ type, resolve }));
  return { events, lines, until, onEvent: listener };
}

describe('time limits', () => {
  beforeEach(
    () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }),
  );
  afterEach(() => void vi.useRealTimers());

  it('runPlan kills the tree of a step at its timeout, exits 124 and runs the always step', async () => {
    const { createVm, vms } = fakeVms();
    return expectTimeout(createVm, () => vms.get('a')?.started[0]?.kills);
  });

  async function expectTimeout(createVm: CreateSandboxVm, kills: () => string[] | undefined) {
    const { onEvent, lines, until } = waiter();
    const started = until('step-started');
    const steps = [
      step('slow', 'hang', { timeoutMs: 2000 }),
      step('after', 'true', { when: 'always' }),
    ];
    const running = runPlan(plan(sandbox('a', steps)), { createVm, onEvent });
    await started;
    await vi.advanceTimersByTimeAsync(1999);
    expect(lines().at(-1)).toBe('step-started slow 1/1');
    await vi.advanceTimersByTimeAsync(1);
    const result = await running;
    expect(kills()).toEqual(['SIGKILL tree']);
    expect(result).toMatchObject({ status: 'timed-out', exitCode: 124 });
    expect(result.sandboxes[0]?.steps[0]).toMatchObject({ status: 'timed-out', exitCode: 124 });
    expect(result.sandboxes[0]?.steps[0]?.durationMs).toBeGreaterThanOrEqual(2000);
    expect(lines()).toContain('step-finished after succeeded 0');
  }

  it('runPlan tries a timed out step again when it has retries', async () => {
    const { createVm } = fakeVms();
    const { onEvent, lines, until } = waiter();
    const started = until('step-started');
    const slow = step('slow', 'hang', { timeoutMs: 100, retries: 1 });
    const running = runPlan(plan(sandbox('a', [slow])), { createVm, onEvent });
    await started;
    await vi.advanceTimersByTimeAsync(250);
    expect((await running).exitCode).toBe(124);
    expect(lines().filter((line) => line.includes('timed-out 124'))).toHaveLength(4);
  });

  it('runPlan ends the VM when the guest does not kill the processes', async () => {
    const { createVm, vms } = fakeVms((command) => {
      command.onKill = () => new Promise(() => undefined);
    });
    const { onEvent, lines, until } = waiter();
    const started = until('step-started');
    const steps = [step('s', 'hang', { timeoutMs: 10 }), step('t', 'x', { when: 'always' })];
    const running = runPlan(plan(sandbox('a', steps)), { createVm, onEvent });
    await started;
    await vi.advanceTimersByTimeAsync(10 + KILL_LIMIT_MS);
    const result = await running;
    expect(result.exitCode).toBe(124);
    expect(result.sandboxes[0]?.error?.code).toBe('PROJECT_KILL_FAILED');
    expect(lines()).toContain('step-skipped t sandbox-failed: the sandbox has no running VM');
    expect(vms.get('a')?.isClosed).toBe(true);
  });

  it('runPlan does not wait for a slow reader once a step is killed', async () => {
    const { createVm } = fakeVms((command) => {
      command.stdout.write('stuck\n');
    });
    const { onEvent, until } = waiter();
    const output = until('step-output');
    const stuck = (event: RunEvent) => {
      onEvent(event);
      return event.type === 'step-output' ? new Promise<void>(() => undefined) : undefined;
    };
    const one = plan(sandbox('a', [step('s', 'x', { timeoutMs: 50 })]));
    const running = runPlan(one, { createVm, onEvent: stuck });
    await output;
    await vi.advanceTimersByTimeAsync(50);
    expect(await running).toMatchObject({ exitCode: 124 });
  });

  it('runPlan ends the sandbox at its timeout, including its always steps', async () => {
    const { createVm, vms } = fakeVms();
    const { onEvent, lines, until } = waiter();
    const started = until('step-started');
    const steps = [step('s', 'hang'), step('t', 'x', { when: 'always' })];
    const one = plan(sandbox('a', steps, { timeoutMs: 60_000 }));
    const running = runPlan(one, { createVm, onEvent });
    await started;
    await vi.advanceTimersByTimeAsync(60_000);
    const result = await running;
    expect(result).toMatchObject({ status: 'timed-out', exitCode: 124 });
    expect(result.sandboxes[0]?.error).toMatchObject({
      code: 'PROJECT_SANDBOX_TIMEOUT',
      message: 'sandbox a exceeded its timeout of 1m',
    });
    expect(lines()).toContain('step-skipped t sandbox-timeout: the sandbox timed out');
    expect(vms.get('a')?.isClosed).toBe(true);
  });

  it('runPlan cancels a start at the timeout of the sandbox', async () => {
    const { onEvent, until } = waiter();
    const starting = until('vm-starting');
    const createVm: CreateSandboxVm = (_box, { onVmStarting, signal }) => {
      onVmStarting();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('start was aborted')));
      });
    };
    const one = plan(sandbox('a', [step('s', 'x')], { timeoutMs: 1500 }));
    const running = runPlan(one, { createVm, onEvent });
    await starting;
    await vi.advanceTimersByTimeAsync(1500);
    const result = await running;
    expect(result).toMatchObject({ status: 'timed-out', exitCode: 124 });
    expect(result.sandboxes[0]?.error?.message).toBe('sandbox a exceeded its timeout of 1.5s');
  });
});

describe('a VM that ends during a step', () => {
  async function runWithEnd(end: (name: string, command: FakeProcess) => void) {
    const { createVm, vms } = fakeVms((command) => {
      if (command.argv.at(-1) === 'hang') end('a', command);
      else command.exit(0);
    });
    const { onEvent, lines } = recorder();
    const steps = [step('s', 'hang'), step('t', 'x', { when: 'always' })];
    const two = plan(sandbox('a', steps), sandbox('b', [step('s', 'x')]));
    const ending = (error?: GondolinError) => vms.get('a')?.end(error);
    return { running: runPlan(two, { createVm, onEvent, maxParallel: 1 }), ending, lines };
  }

  it('fails the step and the sandbox with its error, exits 125 and does not affect the others', async () => {
    const reset = new GondolinError('PROJECT_VM_ENDED', 'broken frame');
    const { running, ending, lines } = await runWithEnd(() => setImmediate(() => ending(reset)));
    const result = await running;
    expect(result).toMatchObject({ status: 'failed', exitCode: 125 });
    expect(result.sandboxes[0]?.steps[0]).toMatchObject({ status: 'failed', exitCode: 125 });
    expect(result.sandboxes[0]?.error?.message).toBe('broken frame');
    expect(lines()).toContain('step-skipped t sandbox-failed: the sandbox has no running VM');
    expect(lines()).toContain('sandbox-finished b succeeded 0');
  });

  it('reports a guest that powers itself off', async () => {
    const { running, ending } = await runWithEnd(() => setImmediate(() => ending()));
    expect((await running).sandboxes[0]?.error?.code).toBe('PROJECT_VM_ENDED');
  });

  it('ends the sandbox even when the command fails a moment before the VM reports its end', async () => {
    const { running, ending, lines } = await runWithEnd((_name, command) => {
      setImmediate(() => {
        command.fail(new GondolinError('PROJECT_VM_ENDED', 'channel closed'));
        ending(new GondolinError('PROJECT_VM_ENDED', 'QEMU died'));
      });
    });
    expect((await running).exitCode).toBe(125);
    expect(lines()).toContain('step-skipped t sandbox-failed: the sandbox has no running VM');
  });
});

describe('a command that does not start', () => {
  it('fails the step with the exit code of the error and continues in the same VM', async () => {
    const { createVm } = fakeVms((command) => {
      if (command.argv[0] === 'nope')
        command.fail(new GondolinError('AGENT_EXEC_NOT_FOUND', 'nope'));
      else command.exit(0);
    });
    const steps = [
      step('s', '', { command: { kind: 'argv', argv: ['nope'] } }),
      step('t', 'x', { when: 'always' }),
    ];
    const result = await runPlan(plan(sandbox('a', steps)), { createVm });
    expect(result.exitCode).toBe(127);
    expect(result.sandboxes[0]?.steps[0]?.error?.code).toBe('AGENT_EXEC_NOT_FOUND');
    expect(result.sandboxes[0]?.steps[1]?.status).toBe('succeeded');
  });
});

describe('cancel', () => {
  it('ends the running step, closes the VM and marks the rest cancelled', async () => {
    const { createVm, vms } = fakeVms();
    const { onEvent, lines, until } = waiter();
    const started = until('step-started');
    const abort = new AbortController();
    const two = plan(
      sandbox('a', [step('s', 'hang'), step('t', 'x', { when: 'always' })]),
      sandbox('b', [step('s', 'x')]),
    );
    const options = { createVm, onEvent, signal: abort.signal, maxParallel: 1 };
    const running = runPlan(two, options);
    await started;
    abort.abort(new GondolinError('CLI_TERMINATED', 'SIGTERM'));
    const result = await running;
    expect(result).toMatchObject({ status: 'cancelled', exitCode: 143 });
    expect(vms.get('a')?.isClosed).toBe(true);
    expect(vms.has('b')).toBe(false);
    expect(lines().slice(-6)).toEqual([
      'step-finished s cancelled 130',
      'step-skipped t cancelled: the run was cancelled',
      'sandbox-finished a cancelled 143',
      'step-skipped s cancelled: the run was cancelled',
      'sandbox-finished b cancelled 143',
      'run-finished cancelled 143',
    ]);
  });

  it('cancels a start, with exit code 130 for a plain abort', async () => {
    const abort = new AbortController();
    const createVm: CreateSandboxVm = (_box, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        setImmediate(() => abort.abort());
      });
    const result = await runPlan(plan(sandbox('a', [])), { createVm, signal: abort.signal });
    expect(result).toMatchObject({ status: 'cancelled', exitCode: 130 });
    expect(result.sandboxes[0]?.error).toBeNull();
  });

  it('does not start a VM when the signal is already aborted', async () => {
    const { createVm, vms } = fakeVms();
    const signal = AbortSignal.abort(new GondolinError('CLI_INTERRUPTED', 'SIGINT'));
    const result = await runPlan(plan(sandbox('a', [step('s', 'x')])), { createVm, signal });
    expect(result.exitCode).toBe(130);
    expect(vms.size).toBe(0);
  });
});

describe('output', () => {
  it('never splits a UTF-8 character between two events', async () => {
    const bytes = Buffer.from('héllo €');
    const { createVm } = fakeVms((command) => {
      for (const byte of bytes) command.stdout.write(Buffer.of(byte));
      command.exit(0);
    });
    const { onEvent, events } = recorder();
    await runPlan(plan(sandbox('a', [step('s', 'x')])), { createVm, onEvent });
    const texts = events.flatMap((event) => (event.type === 'step-output' ? [event.text] : []));
    expect(texts.join('')).toBe('héllo €');
    expect(texts.some((part) => part.includes('\uFFFD'))).toBe(false);
  });

  it('waits for a slow reader before it reads more', async () => {
    const { createVm } = fakeVms((command) => {
      let written = 0;
      const write = () => {
        while (written < 64) {
          written += 1;
          if (!command.stdout.write(Buffer.alloc(16_384, 97))) {
            command.stdout.once('drain', write);
            return;
          }
        }
        command.exit(0);
      };
      write();
    });
    let pending = 0;
    let most = 0;
    const onEvent = async (event: RunEvent) => {
      if (event.type !== 'step-output') return;
      pending += 1;
      most = Math.max(most, pending);
      await new Promise((resolve) => setImmediate(resolve));
      pending -= 1;
    };
    const result = await runPlan(plan(sandbox('a', [step('s', 'x')])), { createVm, onEvent });
    expect(result.exitCode).toBe(0);
    expect(most).toBe(1);
  });

  it('passes stdin and raw bytes through to an ad-hoc command, without step-output events', async () => {
    const raw = Buffer.from([0, 255, 10, 13, 27]);
    const { createVm } = fakeVms((command) => {
      const input: string[] = [];
      command.stdin.on('data', (chunk) => input.push(String(chunk)));
      command.stdin.on('end', () => {
        command.stdout.write(raw);
        command.stderr.write(input.join('').toUpperCase());
        command.exit(3);
      });
    });
    const streams = { stdin: new PassThrough(), stdout: new PassThrough() };
    const own = { sandbox: 'a', ...streams, stderr: new PassThrough() };
    own.stdin.end('typed');
    const { onEvent, events } = recorder();
    const one = plan(sandbox('a', [step('s', 'x')]));
    const result = await runPlan(one, { createVm, onEvent, passthrough: own });
    expect(result.exitCode).toBe(3);
    expect(own.stdout.read()).toEqual(raw);
    expect(own.stderr.read()?.toString()).toBe('TYPED');
    expect(own.stdout.writableEnded).toBe(false);
    expect(events.some((event) => event.type === 'step-output')).toBe(false);
  });

  it('closes the output of an ad-hoc command whose reader closed the pipe', async () => {
    const { createVm, vms } = fakeVms((command) => {
      command.stdout.once('close', () => void command.exit(141, 'SIGPIPE'));
      command.stdout.write('first');
    });
    const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
    const own = { sandbox: 'a', stdin: null, ...streams };
    own.stdout.on('data', () => {
      own.stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    });
    own.stdout.on('error', () => undefined);
    const one = plan(sandbox('a', [step('s', 'x')]));
    expect((await runPlan(one, { createVm, passthrough: own })).exitCode).toBe(141);
    expect(vms.get('a')?.started[0]?.kills).toEqual([]);
  });
});
