import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SandboxPlan } from '../../plan/plan.ts';
import type { ContentFacts } from './sandbox-change.ts';

/** The key of this process only, so that a digest tells nothing about a value. */
const key = randomBytes(32);

function digest(content: Buffer | string): string {
  return createHmac('sha256', key).update(content).digest('base64');
}

/** A file that cannot be read is reported when the sandbox starts. */
async function digestFiles(paths: readonly string[]): Promise<string> {
  const contents = await Promise.all(
    paths.map((path) => readFile(path).catch(() => Buffer.from('unreadable'))),
  );
  return digest(contents.map((content) => digest(content)).join(' '));
}

/**
 * Returns digests of what a sandbox's plan only refers to: its policy script, certificates, and secrets from variables and files. They can be
 * compared with others of this process, and say nothing else.
 * @param env  Variables that secrets are read from.
 */
export async function readContentFacts(
  { network, secrets }: Pick<SandboxPlan, 'network' | 'secrets'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ContentFacts> {
  const facts: Record<string, string> = {};
  const { policyScript, ca } = network;
  if (policyScript !== null) facts['network.policy_script'] = await digestFiles([policyScript]);
  if (ca.length > 0) facts['network.ca'] = await digestFiles(ca);
  for (const { name, from } of secrets) {
    if (from.kind === 'env') facts[`secrets.${name}`] = digest(env[from.variable] ?? '');
    if (from.kind === 'file') facts[`secrets.${name}`] = await digestFiles([from.path]);
  }
  return facts;
}
