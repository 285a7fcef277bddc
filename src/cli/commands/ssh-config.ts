import type { SessionFacts } from '../../session/session-facts.ts';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';
import { reachVm } from '../ssh-access.ts';
import { usageError } from '../usage-error.ts';

/** Names of a VM in a configuration: by its label or sandbox where they are plain, and always by its id. */
function hostNames({ id, label, sandbox }: SessionFacts): string[] {
  const names = [label, sandbox].filter((name) => name !== null && /^[\w.-]+$/.test(name));
  return [...new Set([...names, id])].map((name) => `gondolin-${name}`);
}

/** `ssh-config VM`: prints the block of ~/.ssh/config by which `ssh`, editors and rsync reach a running VM. */
export const sshConfigCommand: CommandRun = async ({ io, options: scope, operands }) => {
  const [word, ...rest] = operands;
  if (word === undefined || rest.length > 0) {
    throw usageError('expected one VM', 'Write gondolin ssh-config VM.');
  }
  const { session, access } = await reachVm(io, word, scope);
  const place = [`HostName ${access.host}`, `Port ${access.port}`, `User ${access.user}`];
  const options = access.options.map((option) => option.replace('=', ' '));
  const lines = [
    `Host ${hostNames(session).join(' ')}`,
    ...[...place, ...options].map((line) => `  ${line}`),
  ];
  await writeText(io.stdout, `${lines.join('\n')}\n`);
  return 0;
};
