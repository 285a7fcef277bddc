import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { planShell } from '../../../src/vm/shell.ts';
import type { HostTerminal } from '../../../src/vm/terminal/host-terminal.ts';

function terminal(isTTY: boolean): HostTerminal {
  return {
    input: Object.assign(new PassThrough(), { isTTY }),
    output: Object.assign(new PassThrough(), { isTTY, rows: 50, columns: 132 }),
  };
}

it('a shell on a terminal is attached to it, with its size and TERM', () => {
  const { isAttached, options } = planShell({}, terminal(true), 'screen-256color');
  expect(isAttached).toBe(true);
  expect(options).toEqual({
    env: { TERM: 'screen-256color' },
    rows: 50,
    columns: 132,
    pty: true,
    stdin: true,
    stdout: 'pipe',
  });
});

it('without a terminal, or with attach: false, it is not, and leaves size and TERM to the default', () => {
  for (const { isAttached, options } of [
    planShell({}, terminal(false), 'xterm'),
    planShell({ attach: false }, terminal(true), 'xterm'),
  ]) {
    expect(isAttached).toBe(false);
    expect(options).toEqual({ env: {}, pty: true, stdin: true, stdout: 'pipe' });
  }
});

it('attach: true without a terminal attaches, with the default size', () => {
  const { isAttached, options } = planShell({ attach: true }, terminal(false), undefined);
  expect(isAttached).toBe(true);
  expect(options.rows).toBeUndefined();
});

it('the options of the caller count', () => {
  const signal = AbortSignal.abort();
  const command = ['/bin/bash', '-i'];
  const own = { command, env: { TERM: 'vt100' }, cwd: '/root', user: 'nobody', signal, rows: 10 };
  const plan = planShell(own, terminal(true), 'xterm');
  expect(plan.command).toBe(command);
  const { env, cwd, user, rows, columns } = plan.options;
  expect({ env, cwd, user, rows, columns }).toEqual({
    env: { TERM: 'vt100' },
    cwd: '/root',
    user: 'nobody',
    rows: 10,
    columns: 132,
  });
  expect(plan.options.signal).toBe(signal);
});

it('PS1 is set again after the start files of bash, unless the caller has a PROMPT_COMMAND', () => {
  const envOf = (env: Record<string, string>) =>
    planShell({ attach: false, env }, terminal(false), undefined).options.env;
  expect(envOf({ PS1: "it's> " })).toEqual({
    PS1: "it's> ",
    PROMPT_COMMAND: "PS1='it'\\''s> '; unset PROMPT_COMMAND",
  });
  const own = { PS1: 'a', PROMPT_COMMAND: 'b' };
  expect(envOf(own)).toEqual(own);
  expect(envOf({})).toEqual({});
});
