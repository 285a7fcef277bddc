import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Host, parseHost } from '../../address/host.ts';
import { coversHost } from '../../address/host-pattern.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { type CommandPattern, parseCommandPattern } from '../../util/command-pattern.ts';
import { coversPort, type ListedPattern } from '../policy/listed-pattern.ts';
import { compileSshHosts, readSshHost } from '../policy/ssh-hosts.ts';
import { KnownHosts } from './known-hosts.ts';
import type { SshCredential, SshOptions } from './ssh-options.ts';

const MAX_KEY_BYTES = 64 * 1024;
const MAX_KNOWN_HOSTS_BYTES = 16 * 1024 * 1024;

/** The login at one server. Printing it shows no key. */
export interface UpstreamLogin {
  readonly username: string | undefined;
  /** Null for the agent, or nothing. */
  readonly key: PrivateKey | null;
}

/** A private key that is shown to nobody but `reveal`'s caller. */
export class PrivateKey {
  readonly #text: string | Buffer;
  readonly #passphrase: string | undefined;

  constructor(text: string | Buffer, passphrase: string | undefined) {
    this.#text = text;
    this.#passphrase = passphrase;
  }

  reveal(): { readonly privateKey: string | Buffer; readonly passphrase: string | undefined } {
    return { privateKey: this.#text, passphrase: this.#passphrase };
  }
}

/** Options of SSH that have been checked, with the keys of their files. */
export interface ResolvedSsh {
  readonly options: SshOptions;
  /** Commands by host; null without any: then every command may run. */
  commandsFor(name: string, port: number): readonly CommandPattern[] | null;
  loginFor(name: string, port: number): UpstreamLogin;
  /** Reads the files now: a line that a user adds counts for the next connection. @throws {GondolinError} NET_SSH_INVALID */
  knownHosts(): Promise<KnownHosts>;
}

function invalid(problem: string, cause?: unknown): GondolinError {
  return new GondolinError('NET_SSH_INVALID', `ssh: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
  });
}

/** One entry per host pattern of a record, in writing order. */
function byHost<From, To>(
  record: Readonly<Record<string, From>> | undefined,
  map: (value: From, host: string) => To,
): readonly { readonly pattern: ListedPattern; readonly value: To }[] {
  return Object.entries(record ?? {}).map(([host, value]) => ({
    pattern: readSshHost(host),
    value: map(value, host),
  }));
}

function findFor<Value>(
  entries: readonly { readonly pattern: ListedPattern; readonly value: Value }[],
  name: string,
  port: number,
): Value | undefined {
  const host: Host | null = parseHost(name);
  if (host === null) return undefined;
  return entries.find(({ pattern }) => coversHost(pattern.host, host) && coversPort(pattern, port))
    ?.value;
}

async function readKey(host: string, credential: SshCredential): Promise<UpstreamLogin> {
  const { username, privateKey, privateKeyFile, passphrase } = credential;
  if (privateKey !== undefined && privateKeyFile !== undefined) {
    throw invalid(`credentials: ${host}: want privateKey or privateKeyFile, not both`);
  }
  const text =
    privateKeyFile === undefined
      ? privateKey
      : await readFile(privateKeyFile).catch((cause: unknown) => {
          throw invalid(`credentials: ${host}: ${privateKeyFile} cannot be read`, cause);
        });
  if (text === undefined) return { username, key: null };
  if (text.length > MAX_KEY_BYTES) throw invalid(`credentials: ${host}: the key is too long`);
  const { utils } = await import('./ssh2.ts');
  // Its errors say what is wrong with the form, and repeat nothing of the key.
  const parsed = utils.parseKey(text, passphrase);
  if (parsed instanceof Error) throw invalid(`credentials: ${host}: ${keyProblem(parsed.message)}`);
  const [first] = [parsed].flat();
  if (first?.isPrivateKey() !== true) {
    throw invalid(`credentials: ${host}: the key is a public key, want a private one`);
  }
  return { username, key: new PrivateKey(text, passphrase) };
}

function keyProblem(message: string): string {
  if (/no passphrase/i.test(message)) return 'the key is encrypted: pass its passphrase';
  if (/integrity|bad decrypt|passphrase/i.test(message)) return 'the passphrase is wrong';
  return 'the private key cannot be read: want a key file of OpenSSH or PEM';
}

function compileCommands(texts: readonly string[], host: string): readonly CommandPattern[] {
  return texts.map((text) => {
    const pattern = parseCommandPattern(text);
    if (pattern !== null) return pattern;
    throw invalid(
      `commands: ${host}: ${JSON.stringify(text)} is not a plain command such as git-upload-pack org/project.git`,
    );
  });
}

function checkNumbers(options: SshOptions): void {
  const numbers = {
    maxUpstreamConnectionsTotal: options.maxUpstreamConnectionsTotal ?? 1,
    upstreamReadyTimeoutMs: options.upstreamReadyTimeoutMs ?? 1,
    upstreamKeepaliveCountMax: options.upstreamKeepaliveCountMax ?? 1,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isInteger(value) || value < 1) throw invalid(`${name}: want a whole number from 1`);
  }
  const interval = options.upstreamKeepaliveIntervalMs ?? 0;
  if (!Number.isInteger(interval) || interval < 0) {
    throw invalid('upstreamKeepaliveIntervalMs: want a whole number of milliseconds, or 0');
  }
}

function knownHostsPaths({ knownHostsFile }: SshOptions): readonly string[] {
  if (knownHostsFile === undefined) {
    return [join(homedir(), '.ssh/known_hosts'), '/etc/ssh/ssh_known_hosts'];
  }
  return [knownHostsFile].flat();
}

async function readKnownHosts(options: SshOptions): Promise<KnownHosts> {
  const texts = await Promise.all(
    knownHostsPaths(options).map(async (path) => {
      try {
        const text = await readTextFile(path, MAX_KNOWN_HOSTS_BYTES);
        if (text !== null) return text;
      } catch (cause) {
        throw invalid(`knownHostsFile: ${path} cannot be read`, cause);
      }
      // The user's own files need not exist.
      if (options.knownHostsFile === undefined) return '';
      throw invalid(`knownHostsFile: no file at ${path}`);
    }),
  );
  return new KnownHosts(texts);
}

/**
 * Checks the options of SSH and reads the keys, so that a mistake is reported before the VM starts.
 * @throws {GondolinError} NET_SSH_INVALID, NET_PATTERN_INVALID.
 */
export async function resolveSsh(options: SshOptions): Promise<ResolvedSsh> {
  compileSshHosts(options.allowedHosts);
  checkNumbers(options);
  const credentials = await Promise.all(
    byHost(options.credentials, (credential, host) => readKey(host, credential)).map(
      async ({ pattern, value }) => ({ pattern, value: await value }),
    ),
  );
  const commands = byHost(options.commands, compileCommands);
  if (options.hostVerifier === undefined && options.knownHostsFile !== undefined) {
    await readKnownHosts(options);
  }
  return {
    options,
    commandsFor: (name, port) =>
      options.commands === undefined ? null : (findFor(commands, name, port) ?? null),
    loginFor: (name, port) =>
      findFor(credentials, name, port) ?? { username: undefined, key: null },
    knownHosts: () => readKnownHosts(options),
  };
}
