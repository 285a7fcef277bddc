import { generateKeyPairSync } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeOpensshKey, type OpensshKey } from '../util/openssh-key.ts';
import { shellQuoteArgs } from '../util/shell-quote-args.ts';

/** The files of one access, in a private directory. */
export interface AccessFiles {
  readonly hostKey: OpensshKey;
  /** `ssh-ed25519 AAAA…`: the only key that is let in. */
  readonly clientKey: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
  remove(): Promise<void>;
}

/** Name of the server in known_hosts, whatever its port. */
const HOST_ALIAS = 'gondolin-vm';

function newKey(comment: string): OpensshKey {
  return encodeOpensshKey(generateKeyPairSync('ed25519').privateKey, comment);
}

/**
 * Makes a host key and a client key and writes the files that a client needs.
 * @param directory  Exists, readable by this user only; removed with the files.
 */
export async function writeAccessFiles(directory: string): Promise<AccessFiles> {
  const hostKey = newKey('gondolin host');
  const client = newKey('gondolin');
  const identityFile = join(directory, 'id_ed25519');
  const knownHostsFile = join(directory, 'known_hosts');
  await writeFile(identityFile, client.privateText, { mode: 0o600, flag: 'wx' });
  await writeFile(`${identityFile}.pub`, `${client.publicText} gondolin\n`, { mode: 0o600 });
  await writeFile(knownHostsFile, `${HOST_ALIAS} ${hostKey.publicText}\n`, { mode: 0o600 });
  return {
    hostKey,
    clientKey: client.publicText,
    identityFile,
    knownHostsFile,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/**
 * Options of OpenSSH's clients that let them in, whatever the user's own configuration says. ssh2 has no post-quantum key
 * exchange, which matters little on loopback: newer clients must not warn about it, and older ones ignore that option.
 */
export function clientOptions(files: Pick<AccessFiles, 'identityFile' | 'knownHostsFile'>) {
  return [
    `IdentityFile=${quoted(files.identityFile)}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'CertificateFile=none',
    `UserKnownHostsFile=${quoted(files.knownHostsFile)}`,
    'GlobalKnownHostsFile=/dev/null',
    `HostKeyAlias=${HOST_ALIAS}`,
    'StrictHostKeyChecking=yes',
    'UpdateHostKeys=no',
    'PasswordAuthentication=no',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ControlPath=none',
    'IgnoreUnknown=WarnWeakCrypto',
    'WarnWeakCrypto=no',
    'LogLevel=ERROR',
  ];
}

/** A path in a configuration of OpenSSH, where `%` and spaces have a meaning. */
function quoted(path: string): string {
  const escaped = path.replaceAll('%', '%%');
  return /[\s"#]/.test(escaped) ? `"${escaped.replaceAll('"', '\\"')}"` : escaped;
}

/** The line that logs in. */
export function loginLine(at: {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly options: readonly string[];
}): string {
  const options = at.options.flatMap((option) => ['-o', option]);
  return shellQuoteArgs(['ssh', ...options, '-p', String(at.port), `${at.user}@${at.host}`]);
}
