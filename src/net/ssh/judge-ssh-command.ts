import { formatHost, parseHost } from '../../address/host.ts';
import { splitPlainWords } from '../../util/plain-words.ts';
import { SSH_PORT } from '../policy/ssh-hosts.ts';
import type { Blocked, SshCheck, Suggestion } from '../refusal/refusal.ts';
import { suggestionText } from '../refusal/refusal-text.ts';
import { judgeCommand } from './command-pattern.ts';
import type { ResolvedSsh } from './resolve-ssh.ts';
import type { SshExecRequest } from './ssh-options.ts';

/** Commands are shown and compared up to this length; a longer one is refused. */
const MAX_COMMAND_CHARS = 32 * 1024;
const MAX_SHOWN_CHARS = 200;
const MAX_MESSAGE_CHARS = 4096;

/** Either the command to send, or the refusal with what the guest's stderr gets. */
export type CommandVerdict =
  | { readonly isAllowed: true; readonly command: string }
  | {
      readonly isAllowed: false;
      readonly refusal: Blocked;
      readonly message: string;
      readonly exitCode: number;
    };

function suggest({ hostname, port, command }: SshExecRequest): Suggestion | null {
  const words = splitPlainWords(command);
  const host = parseHost(hostname);
  // A star in an entry would cover more than this command.
  const isShowable = words !== null && command.length <= MAX_SHOWN_CHARS && !command.includes('*');
  if (!isShowable || host === null) return null;
  const text = formatHost(host);
  const name = text.includes(':') ? `[${text}]` : text;
  const entry = port === SSH_PORT ? text : `${name}:${port}`;
  return { kind: 'ssh_command', host: entry, command };
}

/** A refusal by `network.ssh`. `asked` is untrusted and cut. */
export function sshRefusal(
  check: SshCheck,
  asked: string,
  suggestion: Suggestion | null = null,
): Blocked {
  const shown = asked.length > MAX_SHOWN_CHARS ? `${asked.slice(0, MAX_SHOWN_CHARS)}…` : asked;
  const decidedBy = [{ by: 'ssh', check, asked: shown }] as const;
  return { kind: 'blocked', reason: 'ssh_command', decidedBy, suggest: suggestion };
}

async function askPolicy(ssh: ResolvedSsh, request: SshExecRequest): Promise<CommandVerdict> {
  const { command } = request;
  const decision = (await ssh.options.execPolicy?.(request)) ?? { allow: true };
  if (decision.allow === true) return { isAllowed: true, command };
  const { exitCode = 1, message = 'the policy of this sandbox refuses the command' } = decision;
  const isExitCode = Number.isInteger(exitCode) && exitCode >= 1 && exitCode <= 255;
  return {
    isAllowed: false,
    refusal: sshRefusal('exec_policy', command),
    message: String(message).slice(0, MAX_MESSAGE_CHARS),
    exitCode: isExitCode ? exitCode : 1,
  };
}

/**
 * Judges a command by `commands` and `execPolicy`, before anything is sent to the server.
 * @throws What `execPolicy` throws.
 */
export async function judgeSshCommand(
  ssh: ResolvedSsh,
  request: SshExecRequest,
): Promise<CommandVerdict> {
  const { hostname, port, command } = request;
  const patterns = ssh.commandsFor(hostname, port);
  const isTooLong = command.length > MAX_COMMAND_CHARS || command.includes('\0');
  const judged = isTooLong
    ? null
    : patterns === null
      ? { command }
      : judgeCommand(patterns, command);
  if (judged === null) {
    const suggestion = suggest(request);
    const fix = suggestion === null ? '' : `; to allow it, add ${suggestionText(suggestion)}`;
    return {
      isAllowed: false,
      refusal: sshRefusal('commands', command, suggestion),
      message: `this command may not run on ${hostname}${fix}`,
      exitCode: 1,
    };
  }
  return askPolicy(ssh, { ...request, command: judged.command });
}
