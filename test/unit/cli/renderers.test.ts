import { describe, expect, it } from 'vitest';
import { createJsonRenderer } from '../../../src/cli/ui/progress/json-renderer.ts';
import { createPlainRenderer } from '../../../src/cli/ui/progress/plain-renderer.ts';
import { createQuietRenderer } from '../../../src/cli/ui/progress/quiet-renderer.ts';
import { createRawRenderer } from '../../../src/cli/ui/progress/raw-renderer.ts';
import type { RunRenderer } from '../../../src/cli/ui/progress/run-renderer.ts';
import { createTtyRenderer } from '../../../src/cli/ui/progress/tty-renderer.ts';
import { renderRunErrors, renderSummary } from '../../../src/cli/ui/summary.ts';
import { colourPaint, plainPaint } from '../../../src/cli/ui/text/paint.ts';
import { NetworkTally } from '../../../src/net/audit/network-tally.ts';
import type { RunChange, RunEvent } from '../../../src/project/run-event.ts';
import type { RunResult } from '../../../src/project/run-result.ts';
import { outputOf } from './fake-io.ts';

const PLAIN = { paint: plainPaint, keepColours: false };
const time = '2026-01-01T00:00:00.000Z';
const unit = { sandbox: 'test', step: 'unit', attempt: 1 } as const;

function output(text: string, stream: 'stdout' | 'stderr' = 'stdout'): RunChange {
  return { type: 'step-output', ...unit, stream, text };
}

function finished(rest: Partial<Extract<RunChange, { type: 'step-finished' }>> = {}): RunChange {
  return {
    type: 'step-finished',
    ...unit,
    status: 'succeeded',
    exitCode: 0,
    signal: null,
    isOutOfMemory: false,
    durationMs: 1234,
    willRetry: false,
    isIgnored: false,
    error: null,
    ...rest,
  };
}

const FAILED = finished({ status: 'failed', exitCode: 7 });

const PORT: RunChange = {
  type: 'port-opened',
  ...{ sandbox: 'test', host: '::1', port: 3000, guestPort: 80 },
};
const START: readonly RunChange[] = [
  {
    type: 'run-started',
    project: 'shop',
    maxParallel: 1,
    sandboxes: [{ name: 'test', image: 'debian', steps: ['unit', 'after'], isService: false }],
  },
  {
    type: 'image-progress',
    sandbox: 'test',
    image: 'debian',
    level: 'info',
    artifact: 'rootfs',
    phase: 'install',
    message: 'installing packages',
    fraction: 0.419,
  },
  { type: 'vm-starting', sandbox: 'test', cpus: 2, memoryBytes: 512 * 2 ** 20 },
  {
    type: 'vm-started',
    sandbox: 'test',
    vmId: '0123456789ab',
    bootMs: 2345,
    kernel: '6.1.0\u001b[2J-cloud',
  },
  { type: 'step-started', ...unit, attempts: 1 },
];

const NO_NETWORK = new NetworkTally().summary();

const RESULT: RunResult = {
  status: 'failed',
  exitCode: 7,
  durationMs: 65_000,
  sandboxes: [
    {
      name: 'test',
      status: 'failed',
      exitCode: 7,
      durationMs: 4000,
      bootMs: 2345,
      service: null,
      artifacts: null,
      tests: null,
      usage: null,
      writtenFiles: { files: [], omitted: 0 },
      kernel: '6.1.0\u001b[2J-cloud',
      error: null,
      network: NO_NETWORK,
      steps: [
        {
          name: 'unit',
          status: 'failed',
          exitCode: 7,
          signal: null,
          isOutOfMemory: false,
          attempts: 2,
          durationMs: 1234,
          reason: null,
          isIgnored: false,
          isCached: false,
          error: null,
        },
        {
          name: 'after-all',
          status: 'skipped',
          exitCode: null,
          signal: null,
          isOutOfMemory: false,
          attempts: 0,
          durationMs: 0,
          reason: 'unit failed',
          isIgnored: false,
          isCached: false,
          error: null,
        },
      ],
    },
    {
      name: 'lint',
      status: 'failed',
      exitCode: 125,
      durationMs: 10,
      bootMs: null,
      kernel: null,
      steps: [],
      service: null,
      artifacts: null,
      tests: null,
      usage: null,
      writtenFiles: { files: [], omitted: 0 },
      network: NO_NETWORK,
      error: {
        code: 'HOST_TOOL_NOT_FOUND',
        message: 'QEMU not found in PATH',
        hint: 'Install it.',
        exit: 125,
        at: null,
        details: { tool: 'qemu', console: 'Booting\n\u001b[31mKernel panic\r\n' },
        stack: null,
      },
    },
  ],
};

const EXITED = {
  type: 'service-exited',
  sandbox: 'db',
  exitCode: 3,
  signal: 'SIGX',
  isOutOfMemory: false,
  durationMs: 2000,
  isStopped: false,
  restartInMs: 100,
} as const;
const SERVICE: readonly RunChange[] = [
  { type: 'service-started', sandbox: 'db' },
  { type: 'service-output', sandbox: 'db', stream: 'stdout', text: 'up\n' },
  { type: 'service-healthy', sandbox: 'db', durationMs: 1500 },
  { type: 'service-output', sandbox: 'db', stream: 'stdout', text: 'last words' },
  EXITED,
  { type: 'service-restarted', sandbox: 'db', restarts: 1 },
];

async function draw(renderer: RunRenderer, changes: readonly RunChange[]): Promise<void> {
  for (const change of changes) await renderer.onEvent({ ...change, time } as RunEvent);
  await renderer.end();
}

async function drawPlain(...changes: RunChange[]): Promise<string> {
  const { stream, text } = outputOf();
  await draw(createPlainRenderer(stream, PLAIN), changes);
  return text();
}

describe('the plain renderer', () => {
  it('writes one line for each change', async () => {
    const skipped = {
      type: 'step-skipped',
      sandbox: 'test',
      step: 'after',
      cause: 'when',
      reason: 'unit failed',
    } as const;
    expect(await drawPlain(...START, output('hi\nthere'), FAILED, skipped)).toBe(
      `=> test: image debian: installing packages, 41%
=> test: VM starting, 2 CPU, 512 MiB
=> test: VM ready in 2.3s, Linux 6.1.0-cloud
=> test unit: started
[test unit] hi
[test unit] there
=> test unit: exit 7 after 1.2s
=> test after: skipped: unit failed
`,
    );
  });

  it('prints a warning about the VM, which cannot forge a line', async () => {
    const message = 'the machine was not saved: disk full\n=> forged';
    const text = await drawPlain({ type: 'warning', sandbox: 'test', message });
    expect(text).toMatch(/^=> test: warning: the machine was not saved: disk full[^\n]+forged\n$/);
  });

  it('says what a sandbox waits for and what becomes of a service, whose output has its name', async () => {
    const text = await drawPlain(
      {
        type: 'sandbox-waiting',
        sandbox: 'test',
        dependsOn: [{ name: 'db', condition: 'healthy' }],
      },
      ...SERVICE,
      { ...EXITED, isStopped: true, restartInMs: null },
    );
    expect(text).toBe(`=> test: waits for db (healthy)
=> db: service started
[db] up
=> db: service healthy after 1.5s
[db] last words
=> db: service exited 3 (SIGX) after 2.0s, restarting in 100ms
=> db: service restarted, the 1st time
=> db: service stopped after 2.0s
`);
  });

  it('prints where a port is reached', async () => {
    expect(await drawPlain(PORT)).toBe('=> port: [::1]:3000 → test:80\n');
  });

  it('prints which attempt runs and that another follows', async () => {
    const started: RunChange = { type: 'step-started', ...unit, attempts: 3 };
    const retry = finished({ status: 'timed-out', exitCode: 124, willRetry: true });
    expect(await drawPlain(started, retry)).toBe(
      '=> test unit: started, attempt 1 of 3\n=> test unit: timed out after 1.2s, retrying\n',
    );
  });

  it('puts its prefix before every line a guest can make', async () => {
    const forged =
      'a\r=> test unit: succeeded\r\n\u001b[1A\u001b[2K=> forged\u2028=> forged\u0085=> x\n';
    const text = await drawPlain(output(forged), finished());
    const lines = text.trimEnd().split(/\r\n|[\n\r\u0085\u2028\u2029]/);
    expect(lines.slice(0, -1).every((line) => line.startsWith('[test unit] '))).toBe(true);
    expect(lines.at(-1)).toBe('=> test unit: succeeded in 1.2s');
  });

  it('keeps the lines of stdout and stderr apart', async () => {
    const text = await drawPlain(
      output('out', 'stdout'),
      output('err\n', 'stderr'),
      output('put\n'),
    );
    expect(text).toBe('[test unit] err\n[test unit] output\n');
  });

  it('shows the error of a step that could not start', async () => {
    const error = {
      code: 'AGENT_EXEC_NOT_FOUND',
      message: 'no such\u001b[2J program',
      hint: 'x',
      exit: 127,
      at: null,
      details: null,
      stack: null,
    } as const;
    expect(await drawPlain(finished({ status: 'failed', exitCode: 127, error }))).toBe(
      '=> test unit: exit 127 after 1.2s: AGENT_EXEC_NOT_FOUND: no such program\n',
    );
  });
});

it('the JSON renderer writes each event as one line, with no control character in it', async () => {
  const { stream, text } = outputOf();
  await draw(createJsonRenderer(stream), [...START, output('a\nb\u001b\u009b\u2028é')]);
  const lines = text().trimEnd().split('\n');
  expect(lines).toHaveLength(START.length + 1);
  expect(lines.join('')).not.toMatch(/[\p{Cc}\u2028]/u);
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
    ...output('a\nb\u001b\u009b\u2028é'),
    time,
  });
});

describe('the quiet renderer', () => {
  it('prints nothing when every step succeeds', async () => {
    const { stream, text } = outputOf();
    await draw(createQuietRenderer(stream, PLAIN), [...START, output('hi\n'), finished()]);
    expect(text()).toBe('');
  });

  it('prints the output of all attempts of a failed step', async () => {
    const { stream, text } = outputOf();
    const retry = finished({ status: 'failed', exitCode: 1, willRetry: true });
    await draw(createQuietRenderer(stream, PLAIN), [output('one\n'), retry, output('two'), FAILED]);
    expect(text()).toBe('=> test unit: exit 7 after 1.2s\n[test unit] one\n[test unit] two\n');
  });
});

it('the quiet renderer prints the output of a service that failed, not of one that was stopped', async () => {
  const { stream, text } = outputOf();
  const stopped = { ...EXITED, isStopped: true, restartInMs: null };
  await draw(createQuietRenderer(stream, PLAIN), [...SERVICE, stopped]);
  expect(text()).toBe('');
  await draw(createQuietRenderer(stream, PLAIN), [...SERVICE, { ...EXITED, restartInMs: null }]);
  expect(text()).toBe('=> db: service exited 3 (SIGX) after 2.0s\n[db] up\n[db] last words\n');
});

it('the raw renderer prints image progress, starts, ports, warnings, and what fails in other sandboxes', async () => {
  const { stream, text } = outputOf();
  const warning: RunChange = { type: 'warning', sandbox: 'test', message: 'disk full' };
  await draw(createRawRenderer(stream, plainPaint, 'test'), [warning, ...START, PORT, FAILED]);
  expect(text()).toBe(
    '=> warning: disk full\n=> image debian: installing packages, 41%\n=> VM ready in 2.3s, Linux 6.1.0-cloud\n=> port: [::1]:3000 → test:80\n',
  );
  const other = outputOf();
  const renderer = createRawRenderer(other.stream, plainPaint, 'app');
  await draw(renderer, [...START, ...SERVICE, { ...EXITED, restartInMs: null }]);
  expect(other.text()).toContain('=> test: VM ready in 2.3s');
  expect(other.text()).toContain(
    '=> db: service exited 3 (SIGX) after 2.0s\n[db] up\n[db] last words\n',
  );
});

describe('the terminal renderer', () => {
  async function drawTty(...changes: RunChange[]) {
    const stdout = outputOf({ isTTY: true });
    const stderr = outputOf({ isTTY: true });
    const options = { paint: plainPaint, keepColours: true };
    await draw(createTtyRenderer(stdout.stream, stderr.stream, options), changes);
    return stdout.text();
  }

  it('shows what becomes of a service', async () => {
    const started: RunChange = {
      type: 'run-started',
      project: 'shop',
      maxParallel: 1,
      sandboxes: [{ name: 'db', image: 'debian', steps: [], isService: true }],
    };
    const vm = { vmId: '0123456789ab', bootMs: 1, kernel: '6.1.0' };
    const ready: RunChange = { type: 'vm-started', sandbox: 'db', ...vm };
    const ended = { ...EXITED, restartInMs: null };
    const text = await drawTty(started, ready, ...SERVICE, ended);
    expect(text).toContain('service: service exited 3 (SIGX) after 2.0s');
    expect(text).toContain('=> db: service exited 3 (SIGX) after 2.0s\n  │ up\n');
  });

  it('shows ports where it says that the VM is ready', async () => {
    expect(await drawTty(...START.slice(0, -2), PORT, ...START.slice(-2))).toContain(
      'port [::1]:3000 → test:80',
    );
  });

  it('ends with the full output of failed steps, with colours reset, and nothing else from the guest', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `line ${index}\n`).join('');
    const text = await drawTty(...START, output(`${many}\u001b[31mred\u001b[2J\n`), FAILED);
    expect(text).toContain('=> test unit: exit 7 after 1.2s\n  │ line 0\n  │ line 1\n');
    expect(text).toContain('  │ line 299\n  │ \u001b[31mred\u001b[0m\n');
    expect(text).not.toContain('\u001b[2J');
  });

  it('ends when the run is aborted too, and restores the cursor', async () => {
    const text = await drawTty(...START);
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
  });

  it('ends when every step is drawn', async () => {
    const skipped: RunChange = {
      type: 'step-skipped',
      sandbox: 'test',
      step: 'after',
      cause: 'when',
      reason: 'unit failed',
    };
    const end: RunChange = {
      type: 'sandbox-finished',
      sandbox: 'test',
      status: 'succeeded',
      exitCode: 0,
      durationMs: 1,
      network: NO_NETWORK,
      error: null,
    };
    expect(await drawTty(...START, finished(), skipped, end)).not.toContain('=> test unit');
  });
});

describe('renderSummary', () => {
  it('lists sandboxes and steps with outcome and time', () => {
    expect(renderSummary(RESULT, plainPaint)).toBe(`
✖ test: failed in 4.0s, exit 7, start 2.3s, Linux 6.1.0-cloud
  ✖ unit       exit 7 after 1.2s, 2 attempts
  - after-all  skipped: unit failed
✖ lint: failed in 10ms, exit 125
=> failed in 1m 05s, exit 7
`);
  });

  it('prints colours with a colour paint', () => {
    expect(renderSummary(RESULT, colourPaint)).toContain('\u001b[31m✖\u001b[39m');
  });
});

it('renderRunErrors() prints each error once, with the guest console sanitised', () => {
  const [test, lint] = RESULT.sandboxes;
  const doubled = { ...lint, steps: [{ ...test?.steps[0], name: 's', error: lint?.error }] };
  const result = { ...RESULT, sandboxes: [test, doubled] } as RunResult;
  expect(
    renderRunErrors(result, plainPaint),
  ).toBe(`error[HOST_TOOL_NOT_FOUND]: lint s: QEMU not found in PATH
  tool: qemu
  last lines of the guest console:
  | Booting
  | Kernel panic
  next: Install it.
`);
});
