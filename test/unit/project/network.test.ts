import { describe, expect, it } from 'vitest';
import { DEFAULT_NETWORK } from '../../../src/config/defaults.ts';
import type { NetworkEvent, SandboxNetworkEvent } from '../../../src/net/audit/network-event.ts';
import { compilePolicy } from '../../../src/net/policy/compile-policy.ts';
import { runPlan } from '../../../src/project/run-plan.ts';
import type { CreateSandboxVm } from '../../../src/project/runner-vm.ts';
import { networkOptions } from '../../../src/project/sandbox-network.ts';
import {
  blockedEvent,
  dnsEvent,
  leakEvent,
  requestEvent,
  responseEvent,
} from '../../fixtures/network-events.ts';
import { fakeVms, plan, recorder, sandbox, step } from './fake-vm.ts';

/** Runs one step in a VM whose network emits `events`. */
async function runWith(
  events: readonly NetworkEvent[],
  onBlocked: 'warn' | 'fail',
  script = 'true',
  checkpoint = false,
) {
  const { createVm: create } = fakeVms();
  const createVm: CreateSandboxVm = async (one, hooks) => {
    const vm = await create(one, hooks);
    for (const event of events) hooks.onNetworkEvent(event);
    return vm;
  };
  const box = {
    ...sandbox('box', [step('a', script, { checkpoint })]),
    network: { ...DEFAULT_NETWORK, onBlocked },
  };
  const { onEvent, events: changes, lines } = recorder();
  const told: SandboxNetworkEvent[] = [];
  const onNetworkEvent = (event: SandboxNetworkEvent) => void told.push(event);
  const result = await runPlan(plan(box), { createVm, onEvent, onNetworkEvent });
  return { result, changes, lines: lines(), told };
}

describe('runPlan() with a network', () => {
  it('passes on each event with its sandbox, and totals them in the result', async () => {
    const events = [requestEvent(), responseEvent(), blockedEvent()];
    const { result, told, changes } = await runWith(events, 'warn');
    expect(told).toEqual(events.map((event) => ({ sandbox: 'box', event })));
    expect(result).toMatchObject({ status: 'succeeded', exitCode: 0 });
    expect(result.sandboxes[0]?.network).toMatchObject({
      hosts: [{ host: 'api.test', requests: 1 }],
      blocked: [{ host: 'other.test', reason: 'not_allowed', count: 1 }],
      toAllow: { allowedHosts: ['other.test'] },
    });
    const end = changes.find(({ type }) => type === 'sandbox-finished');
    expect(end).toMatchObject({ network: result.sandboxes[0]?.network });
    expect(JSON.stringify(changes)).not.toContain('hunter2');
  });

  it('reports a kind of refusal once, however often it occurs', async () => {
    const events = [...Array.from({ length: 50 }, () => blockedEvent()), leakEvent()];
    const { lines } = await runWith(events, 'warn');
    expect(lines.filter((line) => line.startsWith('network-blocked'))).toEqual([
      'network-blocked other.test not_allowed',
      'network-blocked evil.test secret_leak',
    ]);
  });

  it.each(['true', 'exit 22'])(
    'exits 3 with on_blocked: fail when something was blocked, and the step was %s',
    async (script) => {
      const { result } = await runWith([blockedEvent(), leakEvent()], 'fail', script);
      expect(result).toMatchObject({ status: 'failed', exitCode: 3 });
      expect(result.sandboxes[0]?.error).toMatchObject({
        code: 'PROJECT_NETWORK_BLOCKED',
        exit: 3,
      });
    },
  );

  it('reports with on_blocked: fail the first refusal, and why', async () => {
    const { result } = await runWith([blockedEvent(), leakEvent(), leakEvent()], 'fail');
    expect(result.sandboxes[0]?.error?.message).toBe(
      '3 requests and connections were blocked; the first: evil.test: placeholder of secret API_TOKEN in the body, to a host that may not have it',
    );
  });

  it.each([
    ['nothing was blocked', [requestEvent()]],
    ['a name was only looked up', [dnsEvent({ outcome: 'refused' })]],
    ['a server or a hook answered 403', [requestEvent(), responseEvent({ statusCode: 403 })]],
    ['a server failed', [requestEvent(), responseEvent({ statusCode: 502, error: 'refused' })]],
  ])('exits as its steps with on_blocked: fail when %s', async (_what, events) => {
    const { result } = await runWith(events, 'fail', 'exit 22');
    expect(result).toMatchObject({ exitCode: 22, sandboxes: [{ error: null }] });
    expect((await runWith(events, 'fail')).result).toMatchObject({ exitCode: 0 });
  });

  it('saves no checkpoint with on_blocked: fail after a refusal: the next run must fail too', async () => {
    const message = 'warning a was not saved: something was blocked on the network';
    const failing = await runWith([blockedEvent()], 'fail', 'true', true);
    expect(failing.lines).toContain(message);
    expect(failing.lines).not.toContain('checkpoint-saved a');
    for (const { lines } of [
      await runWith([blockedEvent()], 'warn', 'true', true),
      await runWith([requestEvent()], 'fail', 'true', true),
    ]) {
      expect(lines).toContain('checkpoint-saved a');
    }
  });
});

describe('networkOptions()', () => {
  const facts = { caPems: ['PEM'] };

  it('converts every key of a plan to the options of the network', () => {
    const network = {
      ...DEFAULT_NETWORK,
      mode: 'open',
      allowedHosts: ['a.test'],
      deniedHosts: ['b.test'],
      blockPrivateIps: false,
      allowedPrivate: ['10.0.0.0/8'],
      extraHosts: [
        { name: 'x.test', address: '127.0.0.1', port: 8443 },
        { name: 'y.test', address: '::1', port: null },
      ],
      ca: ['/p/ca.pem'],
      passthrough: ['p.test'],
      rules: [
        { host: 'a.test', methods: ['GET'], paths: ['/v1/**'], action: 'allow', reason: 'why' },
        { host: 'c.test', methods: [], paths: [], action: 'deny', reason: '' },
      ],
    } as const;
    const secret = { name: 'T', hosts: ['a.test'], value: 'as it was read' };
    const extraHosts = [
      { name: 'x.test', address: '127.0.0.1', port: 8443 },
      { name: 'y.test', address: '::1' },
    ];
    const options = networkOptions(network, { ...facts, secrets: [secret] });
    expect(() => compilePolicy(options.policy)).not.toThrow();
    expect(options).toEqual({
      policy: {
        mode: 'open',
        allowedHosts: ['a.test'],
        deniedHosts: ['b.test'],
        rules: [
          { host: 'a.test', methods: ['GET'], paths: ['/v1/**'], action: 'allow', reason: 'why' },
          { host: 'c.test', action: 'deny' },
        ],
        blockPrivateIps: false,
        allowedPrivate: ['10.0.0.0/8'],
        extraHosts,
      },
      secrets: [secret],
      ca: ['PEM'],
      passthrough: ['p.test'],
    });
  });
});
