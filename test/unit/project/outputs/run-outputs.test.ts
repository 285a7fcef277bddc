/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import type { SavedStep } from '../../../../src/project/checkpoint/checkpoint-facts.ts';
import { buildKeyChain } from '../../../../src/project/checkpoint/key-chain.ts';
import { resolveSandbox } from '../../../../src/project/outputs/resolve-plan.ts';
import { runPlan } from '../../../../src/project/run-plan.ts';
import { readText } from '../../../fixtures/project-text.ts';
import { type FakeProcess, type FakeVm, fakeVms, obey, recorder } from '../fake-vm.ts';

const FACTS = { arch: 'x86_64', release: 'bookworm' } as const;
const planOf = (text: string) => buildPlan(readText(text), FACTS);

/** Runs a project in whose guests `write TEXT` as a script writes the text to `$GONDOLIN_OUTPUT`. */
async function run(text: string, prepare: (vm: FakeVm) => void = () => undefined) {
  const ran: string[] = [];
  const envs: Readonly<Record<string, string>>[] = [];
  let vm: FakeVm | undefined;
  const guest = (command: FakeProcess) => {
    const script = command.argv.at(-1) ?? '';
    ran.push(script);
    const { GONDOLIN_OUTPUT: path = '', ...env } = command.options.env;
    envs.push(env);
    expect(path).toMatch(/^\/run\/gondolin\/output-[0-9a-f]{16}$/);
    const write = /^write (.*?)(?: exit \d+)?$/s.exec(script)?.[1];
    if (write === 'FIFO') vm?.files.set(path, new GondolinError('EAGAIN', 'would wait'));
    else if (write !== undefined) vm?.files.set(path, write.replaceAll(';', '\n'));
    obey(command);
  };
  const { createVm, vms } = fakeVms(guest, (made) => {
    vm = made;
    prepare(made);
  });
  const { onEvent, lines, events } = recorder();
  const result = await runPlan(planOf(text), { createVm, onEvent, maxParallel: 1 });
  const steps = result.sandboxes.flatMap((sandbox) => sandbox.steps);
  return { result, steps, ran, envs, lines: lines(), events, vms };
}

const write = (text: string) => `{ name: w, run: "write ${text}" }`;

it('what a step writes is in commands and variables of later steps', async () => {
  const { ran, envs, result } = await run(`
steps:
  - ${write('version=1.2;text<<E;a b;c;E')}
  - { run: 'v=\${steps.w.outputs.version} \${steps.w.outputs.none:-n} \${steps.w.outputs.version:+y}', env: { T: '\${steps.w.outputs.text}!' } }
  - { run: [echo, '\${steps.w.outputs.text}'] }
`);
  expect(ran.slice(1)).toEqual(['v=1.2 n y', 'a b\nc']);
  expect(envs[1]).toEqual({ T: 'a b\nc!' });
  expect(result.exitCode).toBe(0);
});

it('outputs reach sandboxes that depend on the one whose step wrote them, their variables and services', async () => {
  const { ran, result, vms } = await run(`
sandboxes:
  lib: { steps: [${write('tag=v7')}] }
  app:
    depends_on: [lib]
    env: { TAG: '\${steps.w.outputs.tag}' }
    steps: ['use \${sandboxes.lib.steps.w.outputs.tag}']
`);
  expect(ran).toEqual(['write tag=v7', 'use v7']);
  expect(result.exitCode).toBe(0);
  expect([...vms.keys()]).toEqual(['lib', 'app']);
});

it.each([
  ['nothing was written', write('other=1'), 'PROJECT_OUTPUT_MISSING', 125],
  ['its value could be code', write('x=$(id)'), 'PROJECT_OUTPUT_UNSAFE', 2],
  ['its step was skipped', '{ name: w, run: ls, when: on_failure }', 'PROJECT_OUTPUT_MISSING', 125],
])(
  'a step that uses an output fails without being started if %s',
  async (_why, writer, code, exit) => {
    const { steps, ran, result } = await run(`
steps:
  - ${writer}
  - { name: user, run: 'echo \${steps.w.outputs.x}', retries: 2 }
`);
    expect(steps[1]).toMatchObject({ status: 'failed', attempts: 1, error: { code } });
    expect(ran).not.toContain('echo $(id)');
    expect(result.exitCode).toBe(exit);
  },
);

it.each([['x'], ['FIFO']])('a step that writes %s instead of outputs fails', async (text) => {
  const { steps, result } = await run(`steps: [${write(text)}, 'echo \${steps.w.outputs.x:-}']`);
  expect(steps[0]).toMatchObject({ status: 'failed', error: { code: 'PROJECT_OUTPUT_INVALID' } });
  expect(result.exitCode).toBe(125);
});

it('a step that fails by itself keeps its exit code, and the outputs that it wrote', async () => {
  const failing = "{ name: w, run: 'write x=1 exit 3', continue_on_error: true }";
  const { steps, ran } = await run(`steps: [${failing}, 'echo \${steps.w.outputs.x}']`);
  expect(steps[0]).toMatchObject({ status: 'failed', exitCode: 3, isIgnored: true });
  expect(ran[1]).toBe('echo 1');
});

it('outputs that nothing uses are not read', async () => {
  const { result } = await run(`steps: [${write('x')}, ls]`);
  expect(result.exitCode).toBe(0);
});

it('a step from a checkpoint has the outputs that were saved with it', async () => {
  const saved: SavedStep = {
    ...{ status: 'succeeded', exitCode: 0, durationMs: 1, reason: null },
    outputs: { x: 'saved' },
  };
  const { ran } = await run(
    `steps: [{ name: w, run: 'write x=new', checkpoint: true }, 'echo \${steps.w.outputs.x}']`,
    (vm) => {
      vm.cachedSteps = [saved];
    },
  );
  expect(ran).toEqual(['echo saved']);
});

it('no event and no result has the value of an output', async () => {
  const { events, result } = await run(
    `steps: [${write('x=1')}, { run: ls, env: { A: '\${steps.w.outputs.x}hunter2' } }]`,
  );
  expect(JSON.stringify([events, result])).not.toContain('hunter2');
});

it('the checkpoints of a sandbox depend on the outputs of others that it uses', () => {
  const [, app] = planOf(`
sandboxes:
  lib: { steps: [${write('x=1')}] }
  app: { depends_on: [lib], steps: [{ run: 'echo \${steps.w.outputs.x}', checkpoint: true }] }
`).sandboxes;
  if (app === undefined) throw new Error('no sandbox');
  const keyWith = (x: string) =>
    buildKeyChain(
      resolveSandbox(app, () => ({ x })),
      { image: 'i', machine: 'm' },
      [[]],
    ).links[0]?.key;
  expect(keyWith('1')).toBe(keyWith('1'));
  expect(keyWith('1')).not.toBe(keyWith('2'));
});
