import { expect, it } from 'vitest';
import type { SandboxPlan } from '../../../../src/plan/plan.ts';
import { createJudge } from '../../../../src/watch/rules/decide.ts';
import { inputs, plan, sandbox, step } from './watched-plan.ts';

const MOUNT = { kind: 'host', hostPath: '/p/src', guestPath: '/w', isReadonly: false } as const;
const SERVICE = {
  command: { kind: 'shell', script: 'serve' },
  runOutputs: null,
  restart: { when: 'no', maxRestarts: null },
  ...{ stopSignal: 'SIGTERM', stopGracePeriodMs: 1, healthcheck: null },
} as const satisfies SandboxPlan['service'];

const STEPS = [
  step('install', { inputs: inputs('package.json', '!*.tmp') }),
  step('lint', { inputs: inputs('src/**/*.ts') }),
  step('unit'),
  step('later', { inputs: inputs('later.txt') }),
];

async function decide(of: SandboxPlan, ...paths: string[]) {
  const judge = await createJudge(plan(of));
  const { isReload, sandboxes } = judge(paths.map((path) => `/p/${path}`));
  const decided = sandboxes.map(({ action, from }) => `${action} ${from}`);
  return [...(isReload ? ['reload'] : []), ...decided];
}

it.each<[string, string[], string[]]>([
  ['an input of the first step', ['package.json'], ['rerun 0']],
  ['a file that a glob names', ['src/deep/a.ts'], ['rerun 1']],
  ['a file of a volume that no input names', ['src/a.css'], ['rerun 2']],
  ['an input of a later step', ['later.txt'], ['rerun 3']],
  ['several files', ['src/a.css', 'src/a.ts', 'package.json'], ['rerun 0']],
  ['a file that nothing reads', ['README.md'], []],
  ['the project file', ['gondolin.yaml'], ['reload']],
  ['a file that the project file is read with', ['v.env', 'src/a.ts'], ['reload', 'rerun 1']],
])('without rules, %s decides the first step to run', async (_name, paths, want) => {
  expect(await decide(sandbox(STEPS, { mounts: [MOUNT] }), ...paths)).toEqual(want);
});

it('a service without a step that reads the file starts again', async () => {
  const service = { ...sandbox([], { mounts: [MOUNT] }), service: SERVICE };
  expect(await decide(service, 'src/a.css')).toEqual(['restart 0']);
  expect(await decide({ ...service, steps: [step('unit')] }, 'src/a.css')).toEqual(['rerun 0']);
});

it.each<[string, string[], string[]]>([
  ['a rule with a step', ['src/a.ts'], ['rerun 2']],
  ['a rule without a step goes by the inputs', ['other/x', 'package.json'], ['rerun 0']],
  ['what a rule ignores', ['src/a.log'], []],
  ['what no rule means', ['README.md'], []],
  ['a rule for the image', ['Dockerfile', 'src/a.ts'], ['rebuild 0']],
  ['a rule that reloads', ['settings.json'], ['reload']],
])('%s', async (_name, paths, want) => {
  const rule = { ignore: [], from: null } as const;
  const rules = [
    { path: '/p/src', ignore: ['*.log'], action: 'rerun', from: 'unit' },
    { ...rule, path: '/p/Dockerfile', action: 'rebuild' },
    { ...rule, path: '/p/settings.json', action: 'reload' },
    { ...rule, path: '/p/package.json', action: 'rerun' },
    { ...rule, path: '/p/other', action: 'rerun' },
  ] as const;
  expect(await decide(sandbox(STEPS, { mounts: [MOUNT] }, { rules }), ...paths)).toEqual(want);
});

it('a tree that is copied in runs everything again, and by a rule is synced unless the sandbox starts again anyway', async () => {
  const copy = { kind: 'copy', hostPath: '/p/src', guestPath: '/w', usesGitignore: false } as const;
  const rule = { ignore: [], from: null } as const;
  const rules = [
    { ...rule, path: '/p/src', action: 'sync' },
    { ...rule, path: '/p/server', action: 'restart' },
    { ...rule, path: '/p/Dockerfile', action: 'rebuild' },
  ] as const;
  const serving = { ...sandbox([step('a')], { mounts: [copy] }), service: SERVICE };
  expect(await decide(serving, 'src/a.css')).toEqual(['rerun 0']);
  const ruled = { ...sandbox([step('a')], { mounts: [copy] }, { rules }), service: SERVICE };
  expect(await decide(ruled, 'src/a.css', 'src/b')).toEqual(['sync 1']);
  expect(await decide(ruled, 'src/a.css', 'server/x')).toEqual(['restart 1']);
  expect(await decide(ruled, 'src/a.css', 'server/x', 'Dockerfile')).toEqual(['rebuild 0']);
});
