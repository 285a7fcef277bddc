import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { renderIssues } from '../../../src/config/print/render-issues.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const FIXTURE = resolve(import.meta.dirname, '../../fixtures/config/ten-mistakes.yaml');

/** A directory with these files. */
function directoryWith(files: Record<string, string | Buffer>): string {
  const directory = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(resolve(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

it.each(['gondolin.yaml', 'gondolin.yml'])(
  'loadConfig() finds %s in a directory above',
  async (name) => {
    const directory = directoryWith({ [name]: 'image: debian\n', 'a/b/x': '' });
    const config = await loadConfig({ directory: join(directory, 'a/b'), env: {} });
    expect(config).toMatchObject({ directory, files: [join(directory, name)] });
  },
);

it('loadConfig() prefers gondolin.yaml, and the nearest directory', async () => {
  const directory = directoryWith({
    'gondolin.yaml': 'name: far\nimage: debian\n',
    'a/gondolin.yaml': 'name: near\nimage: debian\n',
    'a/gondolin.yml': 'name: other\nimage: debian\n',
  });
  expect((await loadConfig({ directory: join(directory, 'a'), env: {} })).name).toBe('near');
});

it('loadConfig() lets projectName win over the file', async () => {
  const directory = directoryWith({ 'x.yaml': 'name: one\nimage: debian\n' });
  const config = await loadConfig({ directory, file: 'x.yaml', env: {}, projectName: 'two' });
  expect(config.name).toBe('two');
  expect(config.sandboxes.map(({ name }) => name)).toEqual(['two']);
});

it.each([
  ['a file that is not there', {}, 'x.yaml'],
  ['a directory', { 'x.yaml/y': '' }, 'x.yaml'],
  ['bytes that are no UTF-8', { 'x.yaml': Buffer.from([0xff, 0xfe, 0x00]) }, 'x.yaml'],
])('loadConfig() fails with CONFIG_NOT_FOUND for %s', async (_name, files, file) => {
  await expect(
    loadConfig({ directory: directoryWith(files), file, env: {} }),
  ).rejects.toMatchObject({
    code: 'CONFIG_NOT_FOUND',
    exit: 2,
  });
});

it('loadConfig() fails with CONFIG_NOT_FOUND for a file over 1 MiB', async () => {
  const directory = directoryWith({ 'x.yaml': 'image: debian\n' });
  truncateSync(join(directory, 'x.yaml'), 1_048_577);
  await expect(loadConfig({ directory, file: 'x.yaml', env: {} })).rejects.toMatchObject({
    code: 'CONFIG_NOT_FOUND',
  });
});

it('loadConfig() does not wait for the writer of a FIFO', async () => {
  const directory = temporaryDirectory();
  execFileSync('mkfifo', [join(directory, 'x.yaml')]);
  await expect(loadConfig({ directory, file: 'x.yaml', env: {} })).rejects.toMatchObject({
    code: 'CONFIG_NOT_FOUND',
  });
});

it('loadConfig() reads a file with a byte order mark and CRLF', async () => {
  const directory = directoryWith({ 'x.yaml': '\uFEFFimage: debian\r\nsteps:\r\n  - ls\r\n' });
  const config = await loadConfig({ directory, file: 'x.yaml', env: {} });
  expect(config.sandboxes[0]?.steps[0]?.run).toBe('ls');
});

it('loadConfig() answers ten mistakes at once, each with its line', async () => {
  const failure = await loadConfig({ directory: '/', file: FIXTURE, env: {} }).catch(
    (e: unknown) => e,
  );
  if (!(failure instanceof ConfigError)) throw failure;
  expect(failure).toMatchObject({ code: 'CONFIG_INVALID', exit: 2 });
  expect(failure.issues.map(({ code, at }) => `${at.line} ${code}`)).toEqual([
    '2 bad_value',
    '5 unknown_image',
    '6 bad_value',
    '6 bad_value',
    '8 path_missing',
    '9 guest_path',
    '13 unknown_need',
    '15 unknown_key',
    '17 bad_value',
    '18 bad_value',
  ]);
  const text = renderIssues(failure.issues, { sources: failure.sources });
  const lines = readFileSync(FIXTURE, 'utf8').split('\n');
  for (const { at } of failure.issues) expect(text).toContain(lines[at.line - 1]);
});
