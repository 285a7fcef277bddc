import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { Machine } from '../../../src/machine/start-machine.ts';
import type { CloneIdentity } from '../../../src/protocol/host-message.ts';
import { saveTemplate } from '../../../src/vm/snapshot/save-template.ts';
import { TemplateStore } from '../../../src/vm/snapshot/template-store.ts';
import { type FreezableGuest, whileFrozen } from '../../../src/vm/snapshot/while-frozen.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const AWAKE = { hostname: 'awake' } as CloneIdentity;
const identity = () => AWAKE;
const gone = new GondolinError('MUX_CLOSED', 'the guest is gone');

/** A guest whose mounts carried 8 bytes each way, and what was asked of it, in order. */
function fakeGuest(broken: Partial<FreezableGuest['agent']> = {}) {
  const calls: string[] = [];
  const noted =
    <R>(name: string, answer: R) =>
    async () => {
      calls.push(name);
      return answer;
    };
  const agent = {
    freeze: noted('freeze', { sentBytes: 8n, receivedBytes: 8n, counterKhz: 0 }),
    thaw: async (who: CloneIdentity, isNewSession: boolean) => {
      calls.push(`thaw ${who.hostname} ${isNewSession}`);
    },
    ...broken,
  };
  const fuse = {
    bytesIn: 8,
    bytesOut: 8,
    quiesce: noted('quiesce', true),
    resume: () => void calls.push('resume'),
  };
  return { guest: { agent, fuse }, calls };
}

/** A machine whose processors do not stop. */
function fakeMachine(): Machine {
  const execute = async () => {
    throw new GondolinError('MACHINE_STATE_FAILED', 'no state');
  };
  return { spec: { memoryBytes: 8192 }, qmp: { execute } } as unknown as Machine;
}

async function save(guest: FreezableGuest) {
  const parent = join(temporaryDirectory(), 'templates');
  const warnings: string[] = [];
  const templates = new TemplateStore(parent);
  const names = { templateKey: 'a'.repeat(64), imageTitle: 'debian bookworm' };
  const template = { ...guest, templates, machine: fakeMachine(), ...names };
  await saveTemplate(template, identity, (message) => warnings.push(message));
  return { warnings, parent };
}

it('whileFrozen() runs the work between freeze and thaw', async () => {
  const { guest, calls } = fakeGuest();
  const outcome = await whileFrozen(guest, identity, async () => calls.push('work'));
  expect(outcome.status).toBe('fulfilled');
  expect(calls).toEqual(['freeze', 'quiesce', 'work', 'resume', 'thaw awake false']);
});

it('whileFrozen() resumes the guest when the work failed', async () => {
  const { guest, calls } = fakeGuest();
  const reason = new Error('no room');
  const outcome = await whileFrozen(guest, identity, () => Promise.reject(reason));
  expect(outcome).toEqual({ status: 'rejected', reason });
  expect(calls.slice(-2)).toEqual(['resume', 'thaw awake false']);
});

it('whileFrozen() resumes the guest when its mounts stay busy', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const freeze = async () => {
    vi.advanceTimersByTime(6_000);
    return { sentBytes: 9n, receivedBytes: 8n, counterKhz: 0 };
  };
  const { guest, calls } = fakeGuest({ freeze });
  const outcome = await whileFrozen(guest, identity, async () => calls.push('work'));
  expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'MACHINE_STATE_FAILED' } });
  expect(calls).toEqual(['resume', 'thaw awake false']);
});

it('whileFrozen() resumes the guest when a provider never replies', async () => {
  const { guest, calls } = fakeGuest();
  const limits: number[] = [];
  const quiesce = async (limitMs: number) => {
    limits.push(limitMs);
    return false;
  };
  const stuck = { ...guest, fuse: { ...guest.fuse, quiesce } };
  const outcome = await whileFrozen(stuck, identity, async () => calls.push('work'));
  expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'MACHINE_STATE_FAILED' } });
  expect(calls).toEqual(['freeze', 'resume', 'thaw awake false']);
  expect(limits).toEqual([expect.toSatisfy((limitMs: number) => limitMs <= 10_000)]);
});

it('whileFrozen() rejects when the guest cannot be resumed, whatever else failed', async () => {
  const { guest } = fakeGuest({ thaw: () => Promise.reject(gone) });
  const failing = whileFrozen(guest, identity, () => Promise.reject(new Error('no room')));
  await expect(failing).rejects.toBe(gone);
});

it('saveTemplate() warns, resumes the guest and leaves nothing when its mounts stay busy', async () => {
  const refusal = new GondolinError('AGENT_REQUEST_FAILED', 'cannot stop');
  const { guest, calls } = fakeGuest({ freeze: () => Promise.reject(refusal) });
  const { warnings, parent } = await save(guest);
  expect(warnings).toEqual(['the machine was not saved for warm starts: cannot stop']);
  expect(calls).toEqual(['resume', 'thaw awake false']);
  expect(() => readdirSync(parent)).toThrow(/ENOENT/);
});

it('saveTemplate() warns, resumes the guest and leaves nothing when QEMU cannot save it', async () => {
  const { guest, calls } = fakeGuest();
  const { warnings, parent } = await save(guest);
  expect(warnings).toEqual(['the machine was not saved for warm starts: no state']);
  expect(calls.at(-1)).toBe('thaw awake false');
  expect(readdirSync(parent)).toEqual([]);
});

it('saveTemplate() rejects when the guest cannot be resumed', async () => {
  const { guest } = fakeGuest({ thaw: () => Promise.reject(gone) });
  await expect(save(guest)).rejects.toBe(gone);
});
