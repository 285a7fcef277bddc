import {
  chmodSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { toolVersion } from '../../../src/host/tool-versions.ts';
import { findTool, queryToolVersion, requireTool } from '../../../src/host/tools.ts';
import { fakeProgram } from '../../fixtures/fake-program.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('findTool() takes the first executable file in PATH', () => {
  const [one, two, three] = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()];
  mkdirSync(join(one, 'x'));
  writeFileSync(join(two, 'x'), 'not executable', { mode: 0o644 });
  fakeProgram(three, 'x', 'true');
  expect(findTool('x', { PATH: `${one}:${two}:${three}` })?.path).toBe(join(three, 'x'));
  expect(findTool('x', { PATH: `${one}:${two}` })).toBeNull();
});

it('findTool() passes over what cannot be looked at, as a shell does', () => {
  const [closed, looping, good] = [
    temporaryDirectory(),
    temporaryDirectory(),
    temporaryDirectory(),
  ];
  // Root may search it all the same, and finds nothing.
  chmodSync(closed, 0o000);
  symlinkSync('x', join(looping, 'x'));
  fakeProgram(good, 'x', 'true');
  const unusable = [closed, looping, join(good, 'x'), `/${'long'.repeat(100)}`];
  for (const directory of unusable) {
    expect(findTool('x', { PATH: `${directory}:${good}` })?.path).toBe(join(good, 'x'));
  }
});

it('findTool() never looks in the current directory', () => {
  for (const path of ['', ':', '.', 'bin', undefined]) {
    expect(findTool('package.json', { PATH: path })).toBeNull();
  }
});

it('findTool() changes the stamp when the file behind a link changes', () => {
  const directory = temporaryDirectory();
  fakeProgram(directory, 'real', 'true');
  symlinkSync('real', join(directory, 'x'));
  const before = findTool('x', { PATH: directory })?.stamp;
  expect(findTool('x', { PATH: directory })?.stamp).toBe(before);
  utimesSync(join(directory, 'real'), 1, 1);
  expect(findTool('x', { PATH: directory })?.stamp).not.toBe(before);
});

it('requireTool() words a missing QEMU with its install command', () => {
  expect(() => requireTool('qemu-system-x86_64', { PATH: '/nowhere' })).toThrow(
    expect.objectContaining({
      code: 'HOST_TOOL_NOT_FOUND',
      message: 'QEMU not found in PATH',
      hint: expect.stringContaining('apt install qemu-system-x86') as string,
    }) as Error,
  );
});

it.each([
  { name: 'fails', script: 'echo 1.0; exit 3' },
  { name: 'prints nothing', script: 'true' },
  { name: 'floods', script: 'yes' },
])('queryToolVersion() rejects when the tool $name', async ({ script }) => {
  const tool = fakeProgram(temporaryDirectory(), 'x', script);
  await expect(queryToolVersion(tool)).rejects.toMatchObject({ code: 'HOST_TOOL_FAILED' });
});

it('toolVersion() starts a tool once, and again when its file changes', async () => {
  const directory = temporaryDirectory();
  const cache = join(directory, 'cache');
  const counter = join(directory, 'count');
  const script = `echo >> ${counter}; echo "x 1.$(wc -l < ${counter})"; echo more`;
  const tool = fakeProgram(directory, 'x', script);
  expect(await toolVersion(tool, cache)).toBe('x 1.1');
  expect(await toolVersion(tool, cache)).toBe('x 1.1');
  expect(await toolVersion({ ...tool, stamp: 'other' }, cache)).toBe('x 1.2');
  expect(readFileSync(counter, 'utf8')).toBe('\n\n');
});

it.each(['', '{', 'null', '[]', '{"/x":7}', '{"/x":{"stamp":"s"}}'])(
  'toolVersion() starts the tool when the cache holds "%s"',
  async (text) => {
    const cache = temporaryDirectory();
    writeFileSync(join(cache, 'tool-versions.json'), text);
    const tool = { name: 'x', path: '/x', stamp: 's' };
    expect(await toolVersion(tool, cache, () => Promise.resolve('1'))).toBe('1');
    expect(await toolVersion(tool, cache, () => Promise.reject(new Error('again')))).toBe('1');
  },
);
