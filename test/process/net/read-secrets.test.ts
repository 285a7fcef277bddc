import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { readSecrets } from '../../../src/net/secret/read-source.ts';
import type { SecretSource } from '../../../src/net/secret/secret-options.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const VALUE = 's3cr3t-value-0123456789';
const env = { PATH: '/usr/bin:/bin', TOKEN: VALUE, EMPTY: '' };

async function read(from: SecretSource, options: object = {}): Promise<string> {
  const [secret] = await readSecrets([{ name: 'A', hosts: ['h'], from }], { env, ...options });
  expect(inspect(secret, { depth: 9, showHidden: true }) + JSON.stringify(secret)).not.toContain(
    VALUE,
  );
  return secret?.value.reveal() ?? '';
}

function command(text: string | readonly string[]): SecretSource {
  return { kind: 'command', command: text, directory: '/tmp' };
}

it('readSecrets() takes the value of a variable as it is', async () => {
  expect(await read({ kind: 'env', variable: 'TOKEN' })).toBe(VALUE);
});

it.each(['', '\n', '\r\n', '\n\n'])(
  'readSecrets() cuts the line end %j off what a file holds',
  async (end) => {
    const path = join(temporaryDirectory(), 'token');
    writeFileSync(path, VALUE + end);
    expect(await read({ kind: 'file', path })).toBe(VALUE);
  },
);

it('readSecrets() reads a file that a process writes', async () => {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reading = read({ kind: 'file', path });
  await Promise.all([reading, read(command(`echo ${VALUE} > ${path}; echo written-by-a-process`))]);
  expect(await reading).toBe(VALUE);
});

it('readSecrets() says how to set a variable, and shows no token that stands in the place of its name', async () => {
  await expect(read({ kind: 'env', variable: 'NOPE' })).rejects.toMatchObject({
    code: 'NET_SECRET_UNREADABLE',
    message: 'Cannot read secret A: environment variable $NOPE is not set',
    hint: expect.stringContaining('sudo -E'),
  });
  const token = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
  const from = { kind: 'env', variable: token } as const;
  const error = await readSecrets([{ name: token, hosts: ['h'], from }], { env }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'NET_SECRET_UNREADABLE' });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(token);
});

it('readSecrets() runs a string by a shell and a list without one, in its directory and with our variables', async () => {
  expect(await read(command('printf "%s\\n" "$TOKEN"'))).toBe(VALUE);
  expect(await read(command(['/bin/echo', '$TOKEN; pwd']))).toBe('$TOKEN; pwd');
  const directory = temporaryDirectory();
  expect(await read({ kind: 'command', command: ['pwd'], directory })).toBe(directory);
});

it.each([
  { name: 'an unset variable', from: { kind: 'env', variable: 'NOPE' }, message: '$NOPE' },
  { name: 'an empty variable', from: { kind: 'env', variable: 'EMPTY' }, message: '$EMPTY' },
  {
    name: 'a missing file',
    from: { kind: 'file', path: '/nonexistent/x' },
    message: 'cannot be read',
  },
  { name: 'a directory', from: { kind: 'file', path: '/tmp' }, message: 'cannot be read' },
  {
    name: 'an endless file',
    from: { kind: 'file', path: '/dev/zero' },
    message: 'larger than 8192 bytes',
  },
  {
    name: 'a failing command',
    from: command(`echo ${VALUE}; echo ${VALUE} >&2; exit 3`),
    message: 'code 3',
  },
  { name: 'a killed command', from: command('kill -9 $$'), message: 'SIGKILL' },
  {
    name: 'a missing program',
    from: command(['/nonexistent/program']),
    message: 'cannot be started',
  },
  {
    name: 'an endless command',
    from: command(['/usr/bin/yes', VALUE]),
    message: 'more than 8192 bytes',
  },
  { name: 'an empty list', from: command([]), message: 'cannot be started' },
] as { name: string; from: SecretSource; message: string }[])(
  'readSecrets() fails on $name and shows nothing of a value',
  async ({ from, message }) => {
    const error: unknown = await read(from).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'NET_SECRET_UNREADABLE',
      message: expect.stringContaining(message),
    });
    const {
      message: shown,
      details,
      hint,
    } = error as { message: string; details: object; hint: string };
    expect(shown + JSON.stringify(details) + hint).not.toContain(VALUE);
  },
);

it('readSecrets() ends a command that takes too long, with all it started', async () => {
  const pidFile = join(temporaryDirectory(), 'pid');
  const slow = command(`sleep 1000 & echo $! > ${pidFile}; wait`);
  await expect(read(slow, { timeoutMs: 500 })).rejects.toMatchObject({
    code: 'NET_SECRET_UNREADABLE',
    message: expect.stringContaining('500 ms'),
  });
  const pid = Number(readFileSync(pidFile, 'utf8'));
  // Gone, or a zombie that nobody has collected yet.
  await expect.poll(() => stateOf(pid)).toMatch(/^(?:gone|Z)$/);
});

function stateOf(pid: number): string {
  try {
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return 'gone';
  }
}

it('readSecrets() rejects with the reason of its signal', async () => {
  const controller = new AbortController();
  const reading = read(command('sleep 1000'), { signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(reading).rejects.toThrow('enough');
});

it('readSecrets() refuses a value that no header can carry', async () => {
  await expect(read(command('printf "a\\nb\\nc\\nd"'))).rejects.toMatchObject({
    code: 'NET_SECRET_INVALID',
  });
});
