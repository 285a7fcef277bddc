import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { CliIo } from '../../../src/cli/io.ts';
import { confirmWidening } from '../../../src/cli/watch/confirm-widening.ts';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';

const CHANGES = ['test: network.allowed_hosts: a.test'];

function ioOf(isTTY: boolean) {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const { signal } = new AbortController();
  const io: CliIo = { stdin, stderr, stdout: new PassThrough(), env: {}, cwd: '/', signal };
  let text = '';
  stderr.on('data', (chunk) => {
    text += chunk;
  });
  return { io, stdin, printed: () => text };
}

it.each([
  ['y\n', true],
  ['yes\n', true],
  ['\n', false],
  ['n\n', false],
  ['yellow\n', false],
])(
  'confirmWidening() on a terminal lists the changes, asks, and takes %j as %s',
  async (answer, want) => {
    const { io, stdin, printed } = ioOf(true);
    const confirmed = confirmWidening(CHANGES, io);
    stdin.write(answer);
    expect(await confirmed).toBe(want);
    const text = printed();
    expect(text).toContain('  + test: network.allowed_hosts: a.test\n');
    expect(text).toContain('? Use it [y/N]?');
  },
);

it('confirmWidening() without a terminal refuses with WATCH_POLICY_WIDENED, whatever is on standard input', async () => {
  const { io, stdin, printed } = ioOf(false);
  stdin.write('y\n');
  expect(await confirmWidening(CHANGES, io)).toBe(false);
  const text = printed();
  const code = 'WATCH_POLICY_WIDENED';
  expect(text).toContain(`error[${code}]`);
  expect(text).toContain('a.test');
});

it.each([
  [['--junit', 'x.xml'], '--junit'],
  [['--cold'], '--cold'],
  [['--from', 'snap'], '--watch'],
  [['--', 'ls'], '--watch'],
])('gondolin run --watch %j is refused', async (args, named) => {
  const cwd = directoryWith('steps: [{ run: ls }]\n');
  const { code, stderr } = await runCli(['run', '--watch', ...args], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain('CLI_USAGE');
  expect(stderr).toContain(named);
});
