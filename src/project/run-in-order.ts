import type { SandboxPlan } from '../plan/plan.ts';
import type { SandboxResult } from './run-result.ts';
import { runSandbox, type SandboxContext } from './run-sandbox.ts';
import { Milestones } from './service/milestones.ts';
import { aborted } from './service/pause.ts';
import { StartSlots } from './service/start-slots.ts';
import { hasFailed } from './step/decide-skip.ts';

export interface OrderOptions {
  /** Most sandboxes that start or run steps at once. A service that is up no longer counts. */
  readonly maxParallel: number;
  /** Services run until the run is cancelled, although no sandbox needs them any more. */
  readonly keepsServices: boolean;
  /** A sandbox with whose end kept services stop too; null for none. */
  readonly until: string | null;
}

/** A sandbox with its place in the order. */
interface Member {
  readonly sandbox: SandboxPlan;
  readonly milestones: Milestones;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  readonly finish: () => void;
}

function toMember(sandbox: SandboxPlan): Member {
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { sandbox, milestones: new Milestones(), stop: new AbortController(), done, finish };
}

/** Says how a sandbox ended, for those that wait for it: `db exited 1`. */
function endOf({ name, status, steps, service, error }: SandboxResult): string {
  if (status === 'cancelled') return `${name} was cancelled`;
  if (error !== null) return `${name}: ${error.message}`;
  const failed = steps.find(hasFailed);
  if (failed !== undefined) return `step ${failed.name} of ${name} failed`;
  if (service?.status === 'failed') return `${name} exited ${service.exitCode ?? 'late'}`;
  return `${name} has ended`;
}

/** Waits for all that a sandbox depends on; returns why it cannot start, or null. */
async function waitForOthers(
  { sandbox }: Member,
  byName: ReadonlyMap<string, Member>,
  cancelled: Promise<void>,
): Promise<string | null> {
  for (const { name, condition } of sandbox.dependsOn) {
    // One that is not part of this run is not waited for.
    const other = byName.get(name);
    if (other === undefined) continue;
    const reached = other.milestones.wait(condition);
    const problem = await Promise.race([reached, cancelled.then(() => null)]);
    if (problem !== null) return problem;
  }
  return null;
}

/** Stops services that nothing needs any more: first those that no other depends on. */
async function stopInTime(
  member: Member,
  members: readonly Member[],
  { keepsServices, until }: OrderOptions,
  cancelled: Promise<void>,
): Promise<void> {
  const { name } = member.sandbox;
  const dependents = members.filter(({ sandbox }) =>
    sandbox.dependsOn.some((dependency) => dependency.name === name),
  );
  if (keepsServices || dependents.length === 0) {
    const work = members.filter(({ sandbox }) => sandbox.service === null);
    const isKept = keepsServices || work.length === 0;
    const worked = Promise.all(work.map(({ done }) => done)).then(() => undefined);
    const last = members.find(({ sandbox }) => sandbox.name === until)?.done;
    const kept = last === undefined ? cancelled : Promise.race([cancelled, last]);
    await (isKept ? kept : Promise.race([cancelled, worked]));
  }
  await Promise.all(dependents.map(({ done }) => done));
  member.stop.abort();
}

/** Announces to others what they wait for; when a service is up, gives its place to the next sandbox. */
async function runMember(
  member: Member,
  unmet: string | null,
  context: SandboxContext,
  onUp: () => void,
): Promise<SandboxResult> {
  const { sandbox, milestones, stop } = member;
  if (sandbox.service !== null) void milestones.wait('healthy').then(onUp);
  const result = await runSandbox(sandbox, context, {
    unmet,
    stop: stop.signal,
    reach: (condition) => milestones.reach(condition),
  });
  if (result.status === 'succeeded') milestones.reach('completed');
  milestones.miss(endOf(result));
  return result;
}

/**
 * Runs sandboxes as soon as what they depend on allows it, in plan order where there is a choice. Services stop in reverse
 * order: each once everything that depends on it has ended. Without any sandbox that ends by itself, and with `keepsServices`,
 * they run until the run is cancelled or they end.
 *
 * @returns The results in plan order.
 */
export async function runInOrder(
  sandboxes: readonly SandboxPlan[],
  options: OrderOptions,
  context: SandboxContext,
): Promise<SandboxResult[]> {
  const members = sandboxes.map(toMember);
  const byName = new Map(members.map((member) => [member.sandbox.name, member]));
  const cancelled = aborted(context.cancel);
  const slots = new StartSlots(options.maxParallel);
  const run = async (member: Member): Promise<SandboxResult> => {
    const { name, dependsOn } = member.sandbox;
    if (dependsOn.length > 0) {
      await context.emit({ type: 'sandbox-waiting', sandbox: name, dependsOn });
    }
    const unmet = await waitForOthers(member, byName, cancelled);
    const release = await slots.take();
    try {
      return await runMember(member, unmet, context, release);
    } finally {
      release();
      member.finish();
    }
  };
  for (const member of members) {
    if (member.sandbox.service !== null) void stopInTime(member, members, options, cancelled);
  }
  return Promise.all(members.map(run));
}
