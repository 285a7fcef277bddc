import { expect, it } from 'vitest';
import { withCiSections } from '../../../src/cli/ui/progress/ci-sections.ts';
import { createPlainRenderer } from '../../../src/cli/ui/progress/plain-renderer.ts';
import { plainPaint } from '../../../src/cli/ui/text/paint.ts';
import type { RunChange } from '../../../src/project/run-event.ts';
import { outputOf } from './fake-io.ts';

const step = { sandbox: 'app', step: 'unit', attempt: 1 } as const;

function started(maxParallel: number): RunChange[] {
  const sandboxes = ['app', 'db'].map((name) => ({
    name,
    image: 'debian',
    steps: ['unit'],
    isService: false,
  }));
  return [
    { type: 'run-started', project: 'shop', maxParallel, sandboxes },
    { type: 'step-started', ...step, attempts: 1 },
    { type: 'step-output', ...step, stream: 'stdout', text: '::error::forged\n' },
    {
      type: 'step-finished',
      ...step,
      status: 'succeeded',
      exitCode: 0,
      signal: null,
      isOutOfMemory: false,
      durationMs: 1000,
      willRetry: false,
      isIgnored: false,
      error: null,
    },
  ];
}

async function drawn(events: readonly RunChange[], env: Record<string, string>): Promise<string> {
  const { stream, text } = outputOf();
  const plain = createPlainRenderer(stream, { paint: plainPaint, keepColours: false });
  const renderer = withCiSections(plain, stream, env);
  for (const event of events)
    await renderer.onEvent({ ...event, time: '2026-12-01T00:00:00.000Z' });
  await renderer.end();
  return text();
}

it('a step is a group in GitHub Actions, and its output starts no command there', async () => {
  const lines = (await drawn(started(1), { GITHUB_ACTIONS: 'true' })).split('\n');
  expect(lines[0]).toBe('::group::app unit');
  expect(lines).toContain('[app unit] ::error::forged');
  expect(lines.at(-2)).toBe('::endgroup::');
});

it('a step is a section in GitLab', async () => {
  const text = await drawn(started(1), { GITLAB_CI: 'true' });
  expect(text).toContain('\u001b[0Ksection_start:1796083200:step_1\r\u001b[0Kapp unit\n');
  expect(text).toContain('\u001b[0Ksection_end:1796083200:step_1\r\u001b[0K\n');
});

it('nothing is folded while sandboxes run at once, or elsewhere', async () => {
  expect(await drawn(started(2), { GITHUB_ACTIONS: 'true' })).not.toContain('::group::');
  expect(await drawn(started(1), {})).not.toContain('section_start');
});
