import type { RunChange } from '../../../src/project/run-event.ts';
import type { SandboxResult, StepResult } from '../../../src/project/run-result.ts';
import { type RunRecord, RunRecorder } from '../../../src/report/run-record.ts';

export const STARTED_AT = '2026-12-01T02:00:00.000Z';

export function stepResult(given: Partial<StepResult> & { name: string }): StepResult {
  return {
    status: 'succeeded',
    exitCode: 0,
    signal: null,
    isOutOfMemory: false,
    attempts: 1,
    durationMs: 1500,
    reason: null,
    isIgnored: false,
    isCached: false,
    error: null,
    ...given,
  };
}

export function sandboxResult(
  steps: readonly StepResult[],
  given: Partial<SandboxResult> = {},
): SandboxResult {
  return {
    name: 'app',
    status: 'succeeded',
    exitCode: 0,
    durationMs: 4000,
    bootMs: 200,
    kernel: '6.1.0',
    network: {
      hosts: [],
      blocked: [],
      blockedCount: 0,
      omittedHosts: 0,
      omittedBlocked: 0,
      toAllow: { allowedHosts: [], allowedPrivate: [] },
    },
    error: null,
    service: null,
    artifacts: null,
    tests: null,
    usage: null,
    writtenFiles: { files: [], omitted: 0 },
    ...given,
    steps,
  };
}

/** The record of a run that had these results and events; `output` is by the name of the step. */
export function recordOf(
  sandboxes: readonly SandboxResult[],
  output: Readonly<Record<string, string>> = {},
): RunRecord {
  const recorder = new RunRecorder();
  let seconds = 0;
  const send = (change: RunChange) => {
    const time = new Date(Date.parse(STARTED_AT) + 1000 * seconds++).toISOString();
    recorder.onEvent({ ...change, time });
  };
  const names = sandboxes.map(({ name, steps }) => ({
    name,
    image: 'debian',
    steps: steps.map((step) => step.name),
    isService: false,
  }));
  send({ type: 'run-started', project: 'shop', maxParallel: 1, sandboxes: names });
  for (const { name: sandbox, steps } of sandboxes) {
    send({ type: 'vm-starting', sandbox, cpus: 1, memoryBytes: 2 ** 29 });
    for (const { name: step, attempts } of steps.filter((one) => one.attempts > 0)) {
      send({ type: 'step-started', sandbox, step, attempt: 1, attempts });
      const text = output[step];
      if (text !== undefined) {
        send({ type: 'step-output', sandbox, step, attempt: 1, stream: 'stdout', text });
      }
    }
  }
  const failed = sandboxes.find((sandbox) => sandbox.status !== 'succeeded');
  const status = failed?.status ?? 'succeeded';
  const exitCode = failed?.exitCode ?? 0;
  send({ type: 'run-finished', status, exitCode, durationMs: 5000, sandboxes });
  if (recorder.record === null) throw new Error('the run has not finished');
  return recorder.record;
}
