import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SandboxPlan, StepPlan } from '../../../../src/plan/plan.ts';
import { explainMiss } from '../../../../src/project/checkpoint/explain-miss.ts';
import { buildKeyChain } from '../../../../src/project/checkpoint/key-chain.ts';
import { sandbox, step } from '../fake-vm.ts';

const FACTS = { image: 'image-1', machine: 'qemu-1' };
const STEPS = [step('a', 'make a'), step('b', 'make b', { needs: ['a'] }), step('c', 'make c')];
const INPUTS = [[{ path: 'x', digest: '1' }], [], [{ path: 'y', digest: '2' }]];
const VM: Partial<SandboxPlan['vm']> = {
  env: { TOKEN: 'hunter2', B: '2' },
  mounts: [
    { kind: 'host', hostPath: '/p/src', guestPath: '/src', isReadonly: true },
    { kind: 'memory', guestPath: '/workspace', sizeBytes: 4096 },
  ],
};

function chainOf(
  steps: readonly StepPlan[] = STEPS,
  vm: Partial<SandboxPlan['vm']> = {},
  inputs: Parameters<typeof buildKeyChain>[2] = INPUTS,
  facts = FACTS,
) {
  return buildKeyChain(sandbox('box', steps, { ...VM, ...vm }), facts, inputs);
}

const keysOf = (chain: ReturnType<typeof chainOf>) => chain.links.map(({ key }) => key);

function withStep(index: number, change: Partial<StepPlan>): StepPlan[] {
  return STEPS.map((one, at) => (at === index ? { ...one, ...change } : one));
}

describe('buildKeyChain()', () => {
  it('returns a key of its own for each step, and the same keys for the same plan', () => {
    const keys = keysOf(chainOf());
    expect(new Set(keys).size).toBe(3);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(keysOf(chainOf())).toEqual(keys);
  });

  it('contains no value of a variable and no command', () => {
    const text = JSON.stringify(chainOf());
    expect(text).not.toMatch(/hunter2|make a|\/p\/src/);
    expect(text).toContain('env TOKEN');
  });

  it.each<[string, Partial<StepPlan>]>([
    ['command', { command: { kind: 'shell', script: 'make b2' } }],
    ['command', { command: { kind: 'argv', argv: ['make b'] } }],
    ['cwd', { cwd: '/' }],
    ['env A', { env: { A: '1' } }],
    ['when', { when: 'always' }],
    ['needs', { needs: [] }],
    ['success_exit_codes', { successExitCodes: [0, 1] }],
    ['continue_on_error', { continueOnError: true }],
  ])('a changed %s changes the keys from that step on', (label, change) => {
    const before = chainOf();
    const after = chainOf(withStep(1, change));
    expect(keysOf(after)[0]).toBe(keysOf(before)[0]);
    expect(keysOf(after)[1]).not.toBe(keysOf(before)[1]);
    expect(keysOf(after)[2]).not.toBe(keysOf(before)[2]);
    expect(explainMiss(before, after, 1)).toMatch(new RegExp(`^${label} (changed|added)$`));
    expect(explainMiss(before, after, 2)).toMatch(new RegExp(`^step b: ${label} `));
  });

  it.each<Partial<StepPlan>>([{ timeoutMs: 5 }, { retries: 3 }, { checkpoint: true }])(
    'what no result depends on changes no key: %j',
    (change) => {
      expect(keysOf(chainOf(withStep(1, change)))).toEqual(keysOf(chainOf()));
    },
  );

  it('a renamed step keeps its keys', () => {
    const renamed = [
      { ...STEPS[0], name: 'z' } as StepPlan,
      { ...STEPS[1], needs: ['z'] } as StepPlan,
    ];
    expect(keysOf(chainOf(renamed)).slice(0, 2)).toEqual(keysOf(chainOf()).slice(0, 2));
  });

  it('the order of variables and of needs does not count', () => {
    const vm = { env: { B: '2', TOKEN: 'hunter2' } };
    expect(keysOf(chainOf(STEPS, vm))).toEqual(keysOf(chainOf()));
    const both = (needs: string[]) => keysOf(chainOf(withStep(2, { needs })));
    expect(both(['b', 'a'])).toEqual(both(['a', 'b']));
  });

  it.each<[string, Partial<SandboxPlan['vm']>]>([
    ['resources.cpus changed', { cpus: 3 }],
    ['resources.memory changed', { memoryBytes: 2 ** 30 }],
    ['root changed', { root: 'readonly' }],
    ['user changed', { user: 'postgres' }],
    ['workspace changed', { workspace: '/w' }],
    ['env B changed', { env: { TOKEN: 'hunter2', B: '3' } }],
    ['env B removed', { env: { TOKEN: 'hunter2' } }],
    ['volume /src removed', { mounts: VM.mounts?.slice(1) ?? [] }],
    ['order of volumes changed', { mounts: VM.mounts?.toReversed() ?? [] }],
  ])('%s: every key changes', (reason, vm) => {
    const after = chainOf(STEPS, vm);
    expect(keysOf(after).some((key) => keysOf(chainOf()).includes(key))).toBe(false);
    expect(explainMiss(chainOf(), after, 0)).toBe(reason);
  });

  it('another network policy or secret changes the keys', () => {
    const box = sandbox('box', STEPS, VM);
    const network = { ...box.network, allowedHosts: ['api.example.com'] };
    const from = { kind: 'env', variable: 'TOKEN' } as const;
    const secret = { name: 'T', hosts: ['a.b'], headers: [], from, query: false, allowHttp: false };
    for (const [other, reason] of [
      [{ ...box, network }, 'network changed'],
      [{ ...box, secrets: [secret] }, 'secret T added'],
    ] as const) {
      const after = buildKeyChain(other, FACTS, INPUTS);
      expect(keysOf(after)[0]).not.toBe(keysOf(chainOf())[0]);
      expect(explainMiss(chainOf(), after, 0)).toBe(reason);
    }
  });

  it('a new image is named first, whatever else changes with it', () => {
    const after = chainOf(STEPS, {}, INPUTS, { image: 'image-2', machine: 'qemu-2' });
    expect(explainMiss(chainOf(), after, 0)).toBe('image changed (and 1 more)');
    expect(keysOf(after)[0]).not.toBe(keysOf(chainOf())[0]);
  });

  it('any two lists of inputs that differ give different keys', () => {
    const list = fc.array(fc.record({ path: fc.string(), digest: fc.string() }), { maxLength: 4 });
    fc.assert(
      fc.property(list, list, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        const key = (files: typeof one) => keysOf(chainOf(STEPS, {}, [files]))[0];
        expect(key(one) === key(other)).toBe(same);
      }),
    );
  });

  it('returns links only for steps whose inputs are given', () => {
    expect(chainOf(STEPS, {}, INPUTS.slice(0, 2)).links.map(({ name }) => name)).toEqual([
      'a',
      'b',
    ]);
  });
});

describe('explainMiss()', () => {
  it('returns "no checkpoint yet" without a record, for a further step, and when nothing differs', () => {
    const chain = chainOf();
    expect(explainMiss(null, chain, 0)).toBe('no checkpoint yet');
    expect(explainMiss({ ...chain, links: chain.links.slice(0, 1) }, chain, 2)).toBe(
      'no checkpoint yet',
    );
    expect(explainMiss(chain, chain, 2)).toBe('no checkpoint yet');
  });

  it('names the first input that changed, was added or removed, and counts the others', () => {
    const now = (files: { path: string; digest: string }[]) => chainOf(STEPS, {}, [files]);
    const before = now([
      { path: 'a', digest: '1' },
      { path: 'b', digest: '1' },
    ]);
    const reasons = [
      now([
        { path: 'a', digest: '1' },
        { path: 'b', digest: '2' },
      ]),
      now([{ path: 'a', digest: '1' }]),
      now([
        { path: 'a', digest: '2' },
        { path: 'b', digest: '2' },
        { path: 'c', digest: '1' },
      ]),
    ].map((after) => explainMiss(before, after, 0));
    expect(reasons).toEqual(['input b changed', 'input b removed', 'input a changed (and 2 more)']);
  });
});
