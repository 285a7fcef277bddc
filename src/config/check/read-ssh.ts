import { parseCommandPattern } from '../../util/command-pattern.ts';
import type { SshConfig } from '../config.ts';
import { getChild, getItems, type ScalarNode, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, flagOr, isScalar, report, shownText } from './check-context.ts';

const FIELD = 'network.ssh';
/** Commands of an entry that names none: git, with any repository. */
const GIT_COMMANDS = ['git-upload-pack *', 'git-receive-pack *', 'git-upload-archive *'];
/** A user as SSH servers have them. */
const USER = /^[\w.@+-]{1,64}$/;

/** Readers of parts that other keys of `network:` have too. */
export interface SshReaders {
  readonly hosts: (node: SourceNode | undefined) => string[];
  /** Returns the absolute path. */
  readonly path: (node: ScalarNode, key: string) => string;
}

function scalars(node: SourceNode | undefined): ScalarNode[] {
  return getItems(node).filter(isScalar);
}

function readUser(context: CheckContext, node: SourceNode | undefined): string | null {
  if (!isScalar(node)) return null;
  if (USER.test(node.text)) return node.text;
  const message = `${FIELD}: user: ${JSON.stringify(shownText(node))} is no name of a user`;
  report(context, node, 'bad_value', message);
  return null;
}

function readCommands(context: CheckContext, node: SourceNode | undefined): string[] {
  return scalars(node).map((one) => {
    if (parseCommandPattern(one.text) === null) {
      const hint =
        'Write the words of one command, such as git-upload-pack org/project.git; * is any word, and "**" alone is every command.';
      const shown = JSON.stringify(shownText(one));
      report(context, one, 'bad_value', `${FIELD}: commands: ${shown} is no plain command`, hint);
    }
    return one.text;
  });
}

/** Reads `network.ssh`: servers that the guest reaches with a credential of the host. */
export function readSsh(
  context: CheckContext,
  node: SourceNode | undefined,
  read: SshReaders,
): SshConfig[] {
  return getItems(node).map((item) => {
    const key = getChild(item, 'key');
    const agent = flagOr(getChild(item, 'agent'), false);
    if (key === undefined && !agent) {
      const hint =
        'Write `key: PATH` of a private key, or `agent: true` for the ssh-agent of the host.';
      report(context, item, 'bad_value', `${FIELD}: an entry has neither key nor agent`, hint);
    }
    const commands = readCommands(context, getChild(item, 'commands'));
    return {
      hosts: read.hosts(getChild(item, 'hosts')),
      user: readUser(context, getChild(item, 'user')),
      key: isScalar(key) ? read.path(key, `${FIELD}: key`) : null,
      agent,
      knownHosts: scalars(getChild(item, 'known_hosts')).map((one) =>
        read.path(one, `${FIELD}: known_hosts`),
      ),
      commands: commands.length === 0 ? GIT_COMMANDS : [...new Set(commands)],
    };
  });
}
