import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { chooseFormat } from '../../../src/cli/command-context.ts';
import { writeText } from '../../../src/cli/io.ts';
import { reportError } from '../../../src/cli/report-error.ts';
import { resolveProgress } from '../../../src/cli/ui/progress/progress-mode.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { fakeIo, outputOf } from './fake-io.ts';

const TEXT = { isJson: false, isDebug: false };

async function report(error: unknown, options = TEXT, io = fakeIo()) {
  const code = await reportError(error, io.io, options);
  expect(io.stdout()).toBe('');
  return { code, stderr: io.stderr() };
}

const CONFIG_ERROR = new ConfigError(
  [
    {
      code: 'unknown_key',
      message: 'sandboxes.test.imge: unknown key',
      hint: 'Did you mean image?',
      at: { file: '/nowhere/gondolin.yaml', line: 2, col: 3 },
    },
    {
      code: 'bad_value',
      message: 'cpus: got 0, want 1 or more',
      hint: 'Write a value as named above.',
      at: { file: '/nowhere/gondolin.yaml', line: 3, col: 1 },
    },
  ],
  new Map([['/nowhere/gondolin.yaml', 'test:\n  imge: debian\ncpus: 0\n']]),
);

describe('reportError', () => {
  it('prints code, message, place, details and hint of an error', async () => {
    const error = new GondolinError('CONFIG_NOT_FOUND', 'no\u001b[2J file', {
      at: { file: 'a.yaml', line: 3, col: 5 },
      details: { tried: 2 },
      hint: 'Write one.',
    });
    expect(await report(error)).toEqual({
      code: 2,
      stderr: 'error[CONFIG_NOT_FOUND]: no file\n  at a.yaml:3:5\n  tried: 2\n  next: Write one.\n',
    });
  });

  it('prints a bug with its stack and exits 125', async () => {
    const { code, stderr } = await report(new TypeError('x is undefined'));
    expect(code).toBe(125);
    expect(stderr).toMatch(/^bug: x is undefined\n {2}TypeError: x is undefined\n {6}at /);
    expect(stderr).toContain('please report');
  });

  it('prints a thrown value that is not an Error', async () => {
    expect((await report('boom')).stderr).toMatch(/^bug: boom\n/);
  });

  it('prints every problem of a project file with its line', async () => {
    const { code, stderr } = await report(CONFIG_ERROR);
    expect(code).toBe(2);
    expect(stderr).toBe(`gondolin.yaml:2:3: sandboxes.test.imge: unknown key
  2 |   imge: debian
    |   ^^^^
  next: Did you mean image?

gondolin.yaml:3:1: cpus: got 0, want 1 or more
  3 | cpus: 0
    | ^^^^
  next: Write a value as named above.

error[CONFIG_INVALID]: 2 problems
`);
  });

  it('prints one JSON object with --format json, with the problems of a project file', async () => {
    const { code, stderr } = await report(CONFIG_ERROR, { ...TEXT, isJson: true });
    expect(code).toBe(2);
    const error = JSON.parse(stderr);
    expect(Object.keys(error)).toEqual(['code', 'message', 'hint', 'at', 'details', 'issues']);
    expect(error.issues).toHaveLength(2);
    expect(error.issues[0]).toMatchObject({ code: 'unknown_key', at: { line: 2, col: 3 } });
  });

  it('prints the causes with --debug', async () => {
    const error = new GondolinError('CONFIG_NOT_FOUND', 'outer', { cause: new Error('inner') });
    const { stderr } = await report(error, { ...TEXT, isDebug: true });
    expect(stderr).toContain('stack: GondolinError: outer');
    expect(stderr).toContain('cause: Error: inner');
    expect((await report(error)).stderr).not.toContain('inner');
  });

  it('colours on a terminal', async () => {
    const error = new GondolinError('CONFIG_NOT_FOUND', 'x');
    const { stderr } = await report(error, TEXT, fakeIo({ isTTY: true }));
    expect(stderr).toContain('\u001b[31m');
  });
});

it('chooseFormat() takes the first format by default, and refuses unsupported ones', () => {
  expect(chooseFormat({ progress: 'auto' }, ['yaml', 'json'])).toBe('yaml');
  expect(chooseFormat({ progress: 'auto', format: 'json' }, ['yaml', 'json'])).toBe('json');
  expect(() => chooseFormat({ progress: 'auto', format: 'text' }, ['yaml', 'json'])).toThrow(
    expect.objectContaining({ code: 'CLI_USAGE' }),
  );
});

describe('resolveProgress', () => {
  it.each([
    ['auto', true, {}, 'tty'],
    ['auto', false, {}, 'plain'],
    ['auto', true, { CI: 'true' }, 'plain'],
    ['auto', true, { CI: '' }, 'tty'],
    ['auto', true, { CI: 'false' }, 'tty'],
    ['auto', true, { TERM: 'dumb' }, 'plain'],
    ['tty', true, { CI: '1' }, 'tty'],
    ['json', true, {}, 'json'],
    ['quiet', false, {}, 'quiet'],
  ] as const)('takes %s on a terminal (%s) with %o', (mode, isTTY, env, want) => {
    expect(resolveProgress(mode, fakeIo({ isTTY, env }).io)).toBe(want);
  });

  it.each([0, 10])('takes plain on a terminal of %d columns', (columns) => {
    const { stream: stdout } = outputOf({ isTTY: true, columns });
    expect(resolveProgress('auto', fakeIo({ stdout }).io)).toBe('plain');
  });

  it('refuses tty without a terminal', () => {
    expect(() => resolveProgress('tty', fakeIo().io)).toThrow(
      expect.objectContaining({ code: 'CLI_USAGE' }),
    );
  });
});

describe('writeText', () => {
  it('waits for a slow reader', async () => {
    const slow = new PassThrough({ highWaterMark: 4 });
    const written = writeText(slow, 'too much for it');
    expect(written).toBeInstanceOf(Promise);
    slow.resume();
    await written;
    expect(slow.listenerCount('drain')).toBe(0);
  });

  it('does not wait for a reader that closed the pipe', async () => {
    const gone = new PassThrough({ highWaterMark: 4 });
    const written = writeText(gone, 'too much for it');
    gone.destroy();
    await written;
    expect(writeText(gone, 'more')).toBeUndefined();
  });
});
