import type { RunEvent } from '../project/run-event.ts';
import type { RunResult, SandboxResult, StepResult } from '../project/run-result.ts';
import { BoundedText } from './bounded-text.ts';

/** Kept of the beginning and of the end of a step's output, in UTF-16 units. */
const OUTPUT_PART_LENGTH = 64 * 1024;
/** The same for all steps of a run together: later steps keep their last lines only. */
const MAX_OUTPUT_LENGTH = 32 * 1024 * 1024;
const SHORT_PART_LENGTH = 1024;

/** A step with its place in time and its output. */
export interface StepRecord extends StepResult {
  /** Since the start of the run; null if it never started. */
  readonly startMs: number | null;
  /** Untrusted text of the guest: standard output and error in the order of their arrival, without its middle if it is long. */
  readonly output: string;
}

export interface SandboxRecord extends Omit<SandboxResult, 'steps' | 'service'> {
  /** Name of its image. */
  readonly image: string;
  /** Since the start of the run; null if its VM was never started. */
  readonly startMs: number | null;
  /** Its steps in plan order, then its service as one more. */
  readonly steps: readonly StepRecord[];
  readonly warnings: readonly string[];
}

/** A finished run, for reports. Plain data. */
export interface RunRecord extends Omit<RunResult, 'sandboxes'> {
  readonly project: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly sandboxes: readonly SandboxRecord[];
}

/** Sandbox and step as one key: neither name contains a NUL. */
function stepKey({ sandbox, step }: { sandbox: string; step: string }): string {
  return `${sandbox}\0${step}`;
}

/** No step has an empty name. */
function serviceKey(sandbox: string): string {
  return stepKey({ sandbox, step: '' });
}

/** Returns the service in the form of a step, so that every report shows it, and fails when it failed. */
function serviceSteps({ service, error }: SandboxResult): StepResult[] {
  if (service === null) return [];
  const { status, exitCode, signal, isOutOfMemory, restarts, durationMs } = service;
  const own = status === 'failed' ? error : null;
  const run = { status, exitCode, signal, isOutOfMemory, durationMs, error: own };
  const rest = { reason: null, isIgnored: false, isCached: false };
  return [{ name: 'service', ...run, attempts: restarts + 1, ...rest }];
}

/** Makes the record of a run from its events. Memory is bounded, whatever the guests print. */
export class RunRecorder {
  #project = '';
  #startedAt = '';
  #result: RunResult | null = null;
  readonly #images = new Map<string, string>();
  readonly #starts = new Map<string, number>();
  readonly #outputs = new Map<string, BoundedText>();
  readonly #warnings = new Map<string, string[]>();

  onEvent(event: RunEvent): void {
    switch (event.type) {
      case 'run-started':
        this.#project = event.project;
        this.#startedAt = event.time;
        for (const { name, image } of event.sandboxes) this.#images.set(name, image);
        break;
      case 'vm-starting':
        this.#start(event.sandbox, event.time);
        break;
      case 'step-started':
        if (event.attempt === 1) this.#start(stepKey(event), event.time);
        break;
      case 'step-output':
        this.#outputOf(stepKey(event)).append(event.text);
        break;
      case 'service-started':
        this.#start(serviceKey(event.sandbox), event.time);
        break;
      case 'service-output':
        this.#outputOf(serviceKey(event.sandbox)).append(event.text);
        break;
      case 'warning':
        this.#warnings.set(event.sandbox, [
          ...(this.#warnings.get(event.sandbox) ?? []),
          event.message,
        ]);
        break;
      case 'run-finished':
        this.#result = event;
        break;
      // The result has what these say.
      case 'image-progress':
      case 'vm-started':
      case 'step-finished':
      case 'step-skipped':
      case 'step-cached':
      case 'checkpoint-missed':
      case 'checkpoint-saved':
      case 'network-blocked':
      case 'port-opened':
      case 'sandbox-waiting':
      case 'sandbox-changed':
      case 'sandbox-stopping':
      case 'service-restarted':
      case 'service-healthy':
      case 'service-exited':
      case 'artifacts-copied':
      case 'tests-read':
      case 'memory-waiting':
      case 'sandbox-finished':
      case 'change-detected':
      case 'rerun-prepared':
      case 'files-synced':
        break;
    }
  }

  #start(key: string, time: string): void {
    this.#starts.set(key, Math.max(0, Date.parse(time) - Date.parse(this.#startedAt)));
  }

  #outputOf(key: string): BoundedText {
    const known = this.#outputs.get(key);
    if (known !== undefined) return known;
    const isFull = this.#outputs.size * 2 * OUTPUT_PART_LENGTH >= MAX_OUTPUT_LENGTH;
    const text = new BoundedText(isFull ? SHORT_PART_LENGTH : OUTPUT_PART_LENGTH);
    this.#outputs.set(key, text);
    return text;
  }

  /** The record of the finished run; null before its last event. */
  get record(): RunRecord | null {
    if (this.#result === null) return null;
    const { status, exitCode, durationMs, sandboxes } = this.#result;
    return {
      project: this.#project,
      startedAt: this.#startedAt,
      status,
      exitCode,
      durationMs,
      sandboxes: sandboxes.map((sandbox) => this.#sandbox(sandbox)),
    };
  }

  #sandbox(sandbox: SandboxResult): SandboxRecord {
    const { service: _service, ...facts } = sandbox;
    return {
      ...facts,
      image: this.#images.get(sandbox.name) ?? '',
      startMs: this.#starts.get(sandbox.name) ?? null,
      warnings: this.#warnings.get(sandbox.name) ?? [],
      steps: [...sandbox.steps, ...serviceSteps(sandbox)].map((step) => {
        const isService = !sandbox.steps.includes(step);
        const key = isService
          ? serviceKey(sandbox.name)
          : stepKey({ sandbox: sandbox.name, step: step.name });
        const output = this.#outputs.get(key)?.text ?? '';
        return { ...step, startMs: this.#starts.get(key) ?? null, output };
      }),
    };
  }
}
