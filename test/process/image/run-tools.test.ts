import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filterThrough } from '../../../src/image/process/filter-tool.ts';
import { runTools } from '../../../src/image/process/run-tools.ts';
import { requireBuildTools } from '../../../src/image/process/tool.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const never = new AbortController().signal;

function shell(name: string, script: string) {
  return { name, file: '/bin/sh', args: ['-c', script] };
}

function prepare(signal = never) {
  const cwd = temporaryDirectory();
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  const options = { cwd, environment: {}, logPath: join(cwd, 'log'), onLine, signal };
  return { cwd, lines, options };
}

it('runTools() connects the programs and passes every byte on', async () => {
  const { cwd, options } = prepare();
  const commands = [
    shell('first', 'head -c 3000000 /dev/zero'),
    shell('second', "tr '\\0' x"),
    shell('third', 'wc -c > count'),
  ];
  await runTools(commands, options);
  expect(readFileSync(join(cwd, 'count'), 'utf8').trim()).toBe('3000000');
});

it('runTools() drops what a program that succeeds leaves unread, so that its writer succeeds too', async () => {
  const { cwd, options } = prepare();
  const commands = [
    shell('writer', 'head -c 3000000 /dev/zero && touch written'),
    shell('reader', 'head -c 10 > read'),
  ];
  await runTools(commands, options);
  expect(existsSync(join(cwd, 'written'))).toBe(true);
  expect(readFileSync(join(cwd, 'read')).length).toBe(10);
});

it('runTools() gives lines, cut at carriage returns, and writes all into the log', async () => {
  const { options, lines } = prepare();
  await runTools([shell('tool', 'printf "one\\ntwo 1%%\\rtwo 2%%\\n" >&2; printf end')], options);
  expect(lines.toSorted()).toEqual(['end', 'one', 'two 1%', 'two 2%']);
  expect(readFileSync(options.logPath, 'utf8')).toContain('two 1%\rtwo 2%\n');
});

it('runTools() gives the programs a small fixed environment and what was asked for', async () => {
  const { options, lines } = prepare();
  await runTools([shell('tool', 'env')], { ...options, environment: { http_proxy: 'http://p' } });
  const names = lines.map((line) => line.split('=')[0]).toSorted();
  expect(names).toEqual(['HOME', 'LC_ALL', 'PATH', 'PWD', 'http_proxy'].toSorted());
});

it('runTools() rejects with the program, its exit code, its last lines and the log', async () => {
  const { options } = prepare();
  const run = runTools([shell('tool', 'seq 30 >&2; echo "E: broken" >&2; exit 3')], options);
  await expect(run).rejects.toMatchObject({
    code: 'IMAGE_BUILD_FAILED',
    message: expect.stringMatching(
      /tool ended with exit code 3[\s\S]*30\n {2}E: broken$/,
    ) as unknown,
    hint: expect.stringContaining(options.logPath) as unknown,
  });
  await expect(run).rejects.not.toThrow(/\n {2}5\n/);
});

it('runTools() blames the program that failed and ends the others when one of a pipeline fails', async () => {
  const { options } = prepare();
  await expect(
    runTools([shell('first', 'exit 4'), shell('second', 'sleep 1000')], options),
  ).rejects.toThrow(/first ended with exit code 4/);
  await expect(
    runTools([shell('first', 'sleep 1000'), shell('second', 'exit 5')], options),
  ).rejects.toThrow(/second ended with exit code 5/);
});

it('runTools() rejects with IMAGE_BUILD_FAILED when a program cannot be started', async () => {
  const { options } = prepare();
  const missing = { name: 'nothing', file: '/nonexistent/tool', args: [] };
  await expect(runTools([missing], options)).rejects.toThrow(/nothing could not be started/);
  await expect(runTools([missing, shell('cat', 'cat')], options)).rejects.toMatchObject({
    code: 'IMAGE_BUILD_FAILED',
  });
});

it('runTools() ends a program with all of its children when aborted', async () => {
  const controller = new AbortController();
  const { options, lines } = prepare(controller.signal);
  const reason = new Error('stop');
  const onLine = (line: string): void => {
    lines.push(line);
    controller.abort(reason);
  };
  // The grandchild holds the output: the promise settles only once it has ended too.
  const script = '(trap "" TERM; sleep 1000) & echo $! >&2; wait';
  await expect(runTools([shell('tool', script)], { ...options, onLine })).rejects.toBe(reason);
  expect(existsSync(`/proc/${lines[0]}/cwd`)).toBe(false);
});

it.each([
  [
    'cat: write error: No space left on device',
    /^The disk of .* is full: .*XDG_CACHE_HOME.*log: \//,
  ],
  ['some other line', /^Read the whole log: \//],
])('runTools() says what to do about a tool that fails with "%s"', async (line, hint) => {
  const { options } = prepare();
  const script = `echo '${line}' >&2; seq 100 >&2; exit 1`;
  await expect(runTools([shell('tool', script)], options)).rejects.toMatchObject({
    code: 'IMAGE_BUILD_FAILED',
    hint: expect.stringMatching(hint),
  });
});

it('runTools() starts nothing when aborted before', async () => {
  const { cwd, options } = prepare(AbortSignal.abort(new Error('stop')));
  await expect(runTools([shell('tool', 'touch made')], options)).rejects.toThrow('stop');
  expect(existsSync(join(cwd, 'made'))).toBe(false);
});

it('filterThrough() passes input through a program', async () => {
  const input = Buffer.alloc(200_000, 'ab');
  await expect(filterThrough('/bin/cat', [], { input, limitBytes: 200_000 })).resolves.toEqual(
    input,
  );
});

it.each([
  ['the program fails', ['-c', 'echo why >&2; exit 1'], /why/],
  [
    'it prints more than the limit',
    ['-c', 'head -c 2000 /dev/zero'],
    /more than 1000 bytes of output/,
  ],
])('filterThrough() rejects with IMAGE_BUILD_FAILED when %s', async (_, args, message) => {
  const run = filterThrough('/bin/sh', args, { input: Buffer.alloc(100_000), limitBytes: 1000 });
  await expect(run).rejects.toMatchObject({ code: 'IMAGE_BUILD_FAILED' });
  await expect(run).rejects.toThrow(message);
});

it('filterThrough() rejects with the reason when aborted', async () => {
  const controller = new AbortController();
  const run = filterThrough('/bin/sleep', ['1000'], { limitBytes: 1, signal: controller.signal });
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(run).rejects.toBe(reason);
});

it('requireBuildTools() throws IMAGE_TOOL_MISSING with one command for all that is missing', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'xz'), '', { mode: 0o755 });
  const names = ['mmdebstrap', 'xz', 'newuidmap', 'newgidmap', 'sqfstar'] as const;
  expect(() => requireBuildTools(names, 'build', directory)).toThrow(
    expect.objectContaining({
      code: 'IMAGE_TOOL_MISSING',
      hint: 'Install with: sudo apt-get install mmdebstrap squashfs-tools uidmap',
    }),
  );
  expect(requireBuildTools(['xz'], 'build', directory)).toEqual({ xz: join(directory, 'xz') });
});
