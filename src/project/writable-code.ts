import type { SecretConfig } from '../config/config.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { packageRoot } from '../host/package-root.ts';
import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { writableMounts } from '../plan/writable-mounts.ts';
import { commandReach, safeSearchPath } from './code-reach/command-reach.ts';
import { moduleReach } from './code-reach/module-reach.ts';
import {
  overlap,
  replaceable,
  type WritableTree,
  writableTree,
} from './code-reach/writable-tree.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The inputs of the check. */
export interface HostCodeFacts {
  /** Environment of the commands of secrets. */
  readonly env: Environment;
  /** gondolin's own directories, whose contents later runs trust. */
  readonly directories: readonly string[];
  onWarning(message: string): void;
}

/** A sandbox whose host code is safe to run. */
export interface GuardedCode {
  readonly sandbox: SandboxPlan;
  /** Environment of the commands of secrets; its PATH has no directory that the guest can write. */
  readonly env: Environment;
}

/** A working directory that is not inside any volume. */
const SAFE_DIRECTORY = '/';

/**
 * Refuses a sandbox whose guest could change code that the host runs with the user's rights, for this or another sandbox
 * of the project file. The commands of secrets run in `/` instead of a directory that the guest can write, because many
 * programs read settings from their working directory.
 * @throws {GondolinError} PROJECT_CODE_WRITABLE, unless the sandbox says `on_writable_code: warn`.
 */
export async function guardHostCode(
  plan: Plan,
  sandbox: SandboxPlan,
  facts: HostCodeFacts,
): Promise<GuardedCode> {
  const { env, onWarning } = facts;
  const trees = await readWritableTrees(sandbox);
  if (trees.length === 0) return { sandbox, env };
  const searchPath = await safeSearchPath(env['PATH'], trees);
  const safeEnv = searchPath === env['PATH'] ? env : { ...env, PATH: searchPath };
  const problems = await findProblems(plan, trees, facts.directories, safeEnv);
  const own = await replaceable(packageRoot(), trees);
  if (own !== null) {
    onWarning(
      `gondolin itself is in the read-write volume ${own.hostPath}: a guest can change code that the host runs. Install it elsewhere, or run it from a copy`,
    );
  }
  if (problems.length === 0) {
    const secrets = await Promise.all(
      sandbox.secrets.map((secret) => inSafeDirectory(secret, trees)),
    );
    const isChanged = searchPath !== env['PATH'];
    return {
      sandbox: { ...sandbox, secrets },
      env: isChanged ? { ...env, PATH: searchPath } : env,
    };
  }
  if (sandbox.onWritableCode === 'fail') {
    throw new GondolinError('PROJECT_CODE_WRITABLE', problems.join('\n'), {
      details: { count: problems.length },
    });
  }
  for (const problem of problems) onWarning(problem);
  return { sandbox, env };
}

function readWritableTrees({ vm }: SandboxPlan): Promise<WritableTree[]> {
  return Promise.all(writableMounts(vm.mounts).map(({ hostPath }) => writableTree(hostPath)));
}

async function findProblems(
  { hostCode }: Plan,
  trees: readonly WritableTree[],
  directories: readonly string[],
  env: Environment,
): Promise<string[]> {
  const problems = new Set<string>();
  for (const code of hostCode) {
    const found =
      code.kind === 'module'
        ? await moduleReach(code.path, trees)
        : await commandReach(code, trees, env);
    if (found === null) continue;
    problems.add(
      `${code.field}: a guest could change ${found.path}, which the host runs: the volume ${found.tree.hostPath} is read-write`,
    );
  }
  for (const directory of directories) {
    const tree = await overlap(directory, trees);
    if (tree === null) continue;
    problems.add(
      `volumes: a guest could change ${directory}, where gondolin keeps data that it trusts: the volume ${tree.hostPath} is read-write`,
    );
  }
  return [...problems];
}

async function inSafeDirectory(
  secret: SecretConfig,
  trees: readonly WritableTree[],
): Promise<SecretConfig> {
  const { from } = secret;
  if (from.kind !== 'command') return secret;
  const isWritable = (await overlap(from.directory, trees)) !== null;
  return isWritable ? { ...secret, from: { ...from, directory: SAFE_DIRECTORY } } : secret;
}
