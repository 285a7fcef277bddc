import { spawn } from 'node:child_process';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { Environment } from '../../../host/directories.ts';
import { readTextFile } from '../../../host/read-text-file.ts';
import type { RegistryFacts } from '../../../host/registry-facts.ts';
import { findTool } from '../../../host/tools.ts';
import {
  type Decoder,
  decodeJson,
  decodeOrNull,
  dictionary,
  object,
  partial,
  text,
  withDefault,
} from '../../../util/json-decoder.ts';

/** The login for a registry. Never in a message. */
export type RegistryLogin =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** A refresh token of OAuth 2, which some registries give instead of keeping the password. */
  | { readonly kind: 'identity'; readonly token: string };

interface AuthEntry {
  /** base64 of `user:password`. */
  readonly auth: string;
  readonly identitytoken: string;
  readonly username: string;
  readonly password: string;
}

interface AuthFile {
  readonly auths: Readonly<Record<string, Partial<AuthEntry>>>;
  readonly credHelpers: Readonly<Record<string, string>>;
  readonly credsStore: string;
}

const FILE_MAX_BYTES = 1024 * 1024;
const HELPER_MAX_BYTES = 64 * 1024;
const HELPER_LIMIT_MS = 30_000;
const HELPER_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** The user name by which Docker's helpers mark an identity token. */
const TOKEN_USER = '<token>';
/** The message of Docker's helpers when they have nothing; their exit code is that of any failure. */
const NOTHING_KEPT = /credentials not found|no credentials server URL/i;

const authFile: Decoder<AuthFile> = object<AuthFile>({
  auths: withDefault(
    dictionary(
      partial<AuthEntry>({
        auth: text(),
        identitytoken: text(),
        username: text(),
        password: text(),
      }),
    ),
    {},
  ),
  credHelpers: withDefault(dictionary(text()), {}),
  credsStore: withDefault(text(), ''),
});
const helperOutput = object({ Username: text(), Secret: text() });

/**
 * Looks up what the user has logged in with: in the files of Podman and Docker, and by the helpers that they name.
 *
 * @param server  The name of the registry in these files.
 * @returns null when there is nothing: the registry is asked without.
 * @throws {GondolinError} IMAGE_CREDENTIALS_FAILED when a file is malformed or a helper fails.
 * @see github.com/docker/docker-credential-helpers
 */
export async function findCredentials(
  { credentialFiles, environment }: Pick<RegistryFacts, 'credentialFiles' | 'environment'>,
  server: string,
  signal: AbortSignal,
): Promise<RegistryLogin | null> {
  for (const path of credentialFiles) {
    const file = await readAuthFile(path);
    if (file === null) continue;
    const found = await findInFile(file, server, environment, signal);
    if (found !== null) return found;
  }
  return null;
}

async function readAuthFile(path: string): Promise<AuthFile | null> {
  const json = await readTextFile(path, FILE_MAX_BYTES).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOTDIR') return null;
    throw failed(`${path} cannot be read`, cause);
  });
  if (json === null || json.trim() === '') return null;
  const decoded = decodeJson(json, authFile);
  if (decoded.ok) return decoded.value;
  throw failed(`${path}: ${decoded.problem}`);
}

async function findInFile(
  file: AuthFile,
  server: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<RegistryLogin | null> {
  const helper = Object.hasOwn(file.credHelpers, server) ? file.credHelpers[server] : undefined;
  const chosen = helper ?? file.credsStore;
  if (chosen !== '') {
    const kept = await askHelper(chosen, server, environment, signal);
    if (kept !== null || helper !== undefined) return kept;
  }
  const [, entry] = Object.entries(file.auths).find(([key]) => hostOf(key) === server) ?? [];
  return entry === undefined ? null : readEntry(entry, server);
}

/** Keys are hosts, and with old versions of Docker URLs. One that is wanted by its whole name is compared as it is. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

function readEntry(entry: Partial<AuthEntry>, server: string): RegistryLogin | null {
  if (entry.identitytoken) return { kind: 'identity', token: entry.identitytoken };
  if (entry.username) {
    return { kind: 'password', user: entry.username, password: entry.password ?? '' };
  }
  if (!entry.auth) return null;
  const pair = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 1) throw failed(`those of ${server} are not base64 of user:password`);
  // Some versions of Docker end it with NULs.
  const password = pair.slice(colon + 1).replaceAll('\0', '');
  return { kind: 'password', user: pair.slice(0, colon), password };
}

async function askHelper(
  name: string,
  server: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<RegistryLogin | null> {
  if (!HELPER_NAME.test(name)) throw failed('the name of their helper is not a name');
  const program = `docker-credential-${name}`;
  const tool = findTool(program, environment);
  if (tool === null) throw failed(`their helper ${program} is not in PATH`);
  const { code, output } = await runHelper(tool.path, server, environment, signal);
  if (code !== 0) {
    if (NOTHING_KEPT.test(output)) return null;
    throw failed(`${program} ended with ${code ?? 'a signal'} for ${server}`);
  }
  const said = decodeOrNull(output, helperOutput);
  if (said === null) throw failed(`${program} printed no credentials for ${server}`);
  const { Username: user, Secret: secret } = said;
  return user === TOKEN_USER
    ? { kind: 'identity', token: secret }
    : { kind: 'password', user, password: secret };
}

function runHelper(
  path: string,
  server: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, ['get'], {
      env: environment as NodeJS.ProcessEnv,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: HELPER_LIMIT_MS,
      killSignal: 'SIGKILL',
      signal,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      output += part;
      if (output.length > HELPER_MAX_BYTES) child.kill('SIGKILL');
    });
    // Also when the signal aborts: whoever waits for us gives the signal's reason.
    child.once('error', (cause) => reject(failed(`${path} could not be started`, cause)));
    child.once('close', (code) => resolve({ code, output }));
    // A helper that does not read its input has its own way to fail.
    child.stdin.on('error', () => undefined);
    child.stdin.end(server);
  });
}

function failed(problem: string, cause?: unknown): GondolinError {
  const message = `Cannot read the credentials of a registry: ${problem}`;
  return new GondolinError('IMAGE_CREDENTIALS_FAILED', message, { cause });
}
