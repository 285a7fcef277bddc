import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { adHocPlan } from '../../../src/project/ad-hoc-plan.ts';
import type { ArtifactsResult } from '../../../src/project/artifacts.ts';
import { runPlan } from '../../../src/project/run-plan.ts';
import { errorOf } from '../../fixtures/project-text.ts';
import { fakeVms, obey, plan, recorder, sandbox, step } from './fake-vm.ts';

const COPIED: ArtifactsResult = { directory: '/out/box', files: 2, bytes: 10, skipped: 1 };

async function run(script: string, artifacts: () => Promise<ArtifactsResult | null>) {
  const { createVm, vms } = fakeVms(obey, (vm) => {
    vm.artifacts = artifacts;
  });
  const { onEvent, lines } = recorder();
  const steps = [step('a', script, { timeoutMs: 5 })];
  const result = await runPlan(plan(sandbox('box', steps)), { createVm, onEvent });
  return { result, lines: lines(), isClosed: vms.get('box')?.isClosed };
}

it.each([
  ['true', 0],
  ['exit 3', 3],
  ['hang', 124],
])(
  'artifacts are copied before the VM is closed, after the step `%s` too',
  async (script, code) => {
    const { result, lines } = await run(script, async () => COPIED);
    expect(result.sandboxes[0]?.artifacts).toEqual(COPIED);
    expect(lines).toContain('artifacts-copied 2');
    expect(result.exitCode).toBe(code);
  },
);

it.each([
  ['true', 125],
  ['exit 3', 3],
])(
  'a copy that fails makes the sandbox fail, and hides no failure of the step `%s`',
  async (script, code) => {
    const failure = new GondolinError('PROJECT_ARTIFACTS_FAILED', 'the disk is full');
    const { result, isClosed } = await run(script, () => Promise.reject(failure));
    expect(result.sandboxes[0]).toMatchObject({ artifacts: null, exitCode: code });
    expect(result.sandboxes[0]?.error?.code).toBe('PROJECT_ARTIFACTS_FAILED');
    expect(isClosed).toBe(true);
  },
);

it('a command in place of the steps leaves no artifacts', () => {
  const box = { ...sandbox('box', []), artifacts: ['*'] };
  expect(adHocPlan(plan(box), ['ls']).sandboxes[0]?.artifacts).toEqual([]);
});

it('a pattern cannot leave its directory', () => {
  const [issue] = errorOf('artifacts: ["a/../../b"]\nsteps: [ls]\n');
  expect(issue).toMatchObject({ code: 'guest_path', at: { line: 1, col: 13 } });
});
