import { dirname, relative } from 'node:path';
import ignore from 'ignore';
import type { WatchAction, WatchRuleConfig } from '../../config/config.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { inputMatcher } from '../../project/checkpoint/find-inputs.ts';

/** The consequence of changed files for one sandbox. */
export interface Decision {
  readonly sandbox: string;
  readonly action: Exclude<WatchAction, 'reload'>;
  /** First step to run again; the number of steps stands for the service. */
  readonly from: number;
  /** The files that decided it. */
  readonly paths: readonly string[];
}

type Meaning = Pick<Decision, 'action' | 'from'>;
type Judge = (path: string) => Meaning | 'reload' | null;

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function ruleTest({ path: root, ignore: patterns }: WatchRuleConfig): (path: string) => boolean {
  const ignored = ignore().add([...patterns]);
  return (path) => {
    if (!isWithin(path, root)) return false;
    const name = path === root ? relative(dirname(root), path) : relative(root, path);
    return !ignored.ignores(name);
  };
}

/** Judges by the inputs of the steps: a step without inputs may read every file of a volume. */
async function judgeByInputs({ steps, service, vm }: SandboxPlan): Promise<Judge> {
  const matchers = await Promise.all(steps.map(({ inputs }) => inputMatcher(inputs)));
  const mounts = vm.mounts.flatMap((mount) => (mount.kind === 'host' ? [mount.hostPath] : []));
  const copies = vm.mounts.flatMap((mount) => (mount.kind === 'copy' ? [mount.hostPath] : []));
  return (path) => {
    // Trees are copied in before the first step.
    if (copies.some((copy) => isWithin(path, copy))) return { action: 'rerun', from: 0 };
    const isInVolume = mounts.some((mount) => isWithin(path, mount));
    const from = steps.findIndex(({ inputs }, index) =>
      inputs.length === 0 ? isInVolume : matchers[index]?.(path),
    );
    if (from >= 0) return { action: 'rerun', from };
    return service !== null && isInVolume ? { action: 'restart', from: steps.length } : null;
  };
}

async function judgeOf(sandbox: SandboxPlan): Promise<Judge> {
  const byInputs = await judgeByInputs(sandbox);
  const { rules } = sandbox.watch;
  if (rules.length === 0) return byInputs;
  const tests = rules.map((rule) => ({ rule, isMeant: ruleTest(rule) }));
  return (path) => {
    const found = tests.find(({ isMeant }) => isMeant(path))?.rule;
    if (found === undefined) return null;
    if (found.action === 'reload') return 'reload';
    if (found.action === 'rebuild') return { action: 'rebuild', from: 0 };
    if (found.action === 'restart' || found.action === 'sync') {
      return { action: found.action, from: sandbox.steps.length };
    }
    if (found.from === null) return byInputs(path) ?? { action: 'rerun', from: 0 };
    const from = sandbox.steps.findIndex(({ name }) => name === found.from);
    return { action: 'rerun', from: Math.max(0, from) };
  };
}

/** Decisions about one batch of changes. */
export interface Decisions {
  /** The project file, or a file that it is read with, changed. */
  readonly isReload: boolean;
  /** At most one for each sandbox, in plan order. */
  readonly sandboxes: readonly Decision[];
}

/** The actions by their weight, for a batch of files that mean different things. */
const ORDER: readonly Decision['action'][] = ['rebuild', 'rerun', 'restart', 'sync'];

function combine(sandbox: string, found: readonly (readonly [string, Meaning])[]): Decision | null {
  const [first] = found;
  if (first === undefined) return null;
  // A run that starts again copies the trees as they are then, so that nothing is left to sync.
  const has = (wanted: Decision['action']) => found.some(([, { action }]) => action === wanted);
  const action = ORDER.find(has) ?? 'sync';
  const from = action === 'rebuild' ? 0 : Math.min(...found.map(([, meaning]) => meaning.from));
  return { sandbox, action, from, paths: found.map(([path]) => path) };
}

/** Returns the function that decides what changed files mean for the sandboxes of a plan. */
export async function createJudge(plan: Plan): Promise<(paths: readonly string[]) => Decisions> {
  const authority = new Set([...plan.configFiles, ...plan.authorityFiles]);
  const judges = await Promise.all(
    plan.sandboxes.map(async (sandbox) => ({ sandbox, judge: await judgeOf(sandbox) })),
  );
  return (paths) => {
    let isReload = paths.some((path) => authority.has(path));
    const others = paths.filter((path) => !authority.has(path));
    const sandboxes = judges.flatMap(({ sandbox, judge }) => {
      const found = others.flatMap((path): (readonly [string, Meaning])[] => {
        const meaning = judge(path);
        isReload ||= meaning === 'reload';
        return meaning === null || meaning === 'reload' ? [] : [[path, meaning]];
      });
      return combine(sandbox.name, found) ?? [];
    });
    return { isReload, sandboxes };
  };
}
