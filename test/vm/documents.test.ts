import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BLOCK_RUNS, COMMAND_RUNS, NO_PROGRAMS } from '../fixtures/documents/block-runs.ts';
import {
  type DocumentBlock,
  documentBlock,
  documentBlocks,
} from '../fixtures/documents/document-blocks.ts';
import { makeImageDirectory } from '../fixtures/documents/image-directory.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { serverCa } from '../fixtures/net/server-ca.ts';
import { startHttps } from '../fixtures/net/servers.ts';
import { ALIAS, installAlias } from '../fixtures/package/alias-package.ts';
import { packPackage } from '../fixtures/package/pack-package.ts';
import { TEST_DIRECTORY } from '../test-environment.ts';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/documents');
const run = promisify(execFile);
const TOKEN = 'the-token-of-the-host';
const HOSTS = ['api.github.com', 'internal-api.company.com'];

const place = mkdtempSync(join(TEST_DIRECTORY, 'documents-'));
/** Where blocks run: its `node_modules` has the wrapper of the package under the name of the documents. */
const cwd = join(place, 'project/blocks');
const assets = join(place, 'image');
const GONDOLIN = join(place, 'project/node_modules/.bin/gondolin');

beforeAll(async () => {
  await installAlias(await packPackage(), join(place, 'project'));
  await makeImageDirectory(assets, IS_FULL_LOAD);
  const wrapper = join(cwd, 'node_modules', ALIAS);
  mkdirSync(wrapper, { recursive: true });
  writeFileSync(
    join(wrapper, 'package.json'),
    `{ "name": "${ALIAS}", "type": "module", "exports": "./wrapper.mjs" }\n`,
  );
  cpSync(join(FIXTURES, 'wrapper.mjs'), join(wrapper, 'wrapper.mjs'));
  cpSync(join(FIXTURES, 'run-blocks.mjs'), join(cwd, 'run-blocks.mjs'));
  for (const directory of ['my-project', 'source-code', 'pi/agent/extensions'])
    mkdirSync(join(cwd, directory), { recursive: true });
  for (const directory of ['my-project', 'source-code'])
    writeFileSync(join(cwd, directory, 'mine.txt'), 'mine\n');
  for (const name of ['assets', 'custom-assets', 'image']) symlinkSync(assets, join(cwd, name));
}, 240_000);

afterAll(() => rmSync(place, { recursive: true, force: true }), 60_000);

const NAMES = ['VM', 'createHttpHooks', 'MemoryProvider', 'RealFSProvider', 'ReadonlyProvider'];

/** A module of a block: what it leaves to its reader, the block as it is, and what shows its effect. */
function moduleOf({ id, text }: DocumentBlock): string {
  const { before = '', after = '' } = BLOCK_RUNS[id] ?? {};
  const needsVm = /\bvm\./.test(text + after) && !/ vm = /.test(text);
  return [
    text.includes('import {') ? '' : `import { ${NAMES.join(', ')} } from '${ALIAS}';`,
    needsVm ? 'const vm = await VM.create();' : '',
    before,
    text,
    after,
  ].join('\n');
}

interface Outcome {
  readonly path: string;
  readonly output: string;
  readonly failure: string | null;
}

/** Starts the servers that the blocks name. Each answers with what was asked; returns their `authorization` fields too. */
async function startHosts() {
  const authorizations: string[] = [];
  const extraHosts = [];
  for (const name of HOSTS) {
    const port = await startHttps(name, (request, response) => {
      authorizations.push(`${name} ${request.headers.authorization ?? ''}`);
      response.end(`${JSON.stringify({ asked: request.url })}\n`);
    });
    extraHosts.push({ name, address: '127.0.0.1', port });
  }
  return { extraHosts, authorizations };
}

it('each block of the documents is run here, or its reason not to be is given', () => {
  const ids = (['000', '001', '002'] as const).flatMap(documentBlocks).map(({ id }) => id);
  const listed = [BLOCK_RUNS, COMMAND_RUNS, NO_PROGRAMS].flatMap((list) => Object.keys(list));
  expect(listed.toSorted()).toEqual(ids);
});

it('the programs of the documents run as they are written', async () => {
  const { extraHosts, authorizations } = await startHosts();
  const settings = { extraHosts, ca: serverCa.caPem, paths: { '/root/.pi': join(cwd, 'pi') } };
  const ids = Object.keys(BLOCK_RUNS).filter(
    (id) => IS_FULL_LOAD || BLOCK_RUNS[id]?.isLong !== true,
  );
  const files = ids.map((id) => `${id}.mjs`);
  for (const id of ids) writeFileSync(join(cwd, `${id}.mjs`), moduleOf(documentBlock(id)));
  const tokens = { GITHUB_TOKEN: TOKEN, NPM_TOKEN: TOKEN, API_KEY: TOKEN };
  const { stdout } = await run(process.execPath, ['run-blocks.mjs', ...files], {
    cwd,
    env: {
      ...process.env,
      NO_COLOR: '1',
      ...tokens,
      GONDOLIN_GUEST_DIR: assets,
      DOCUMENT_SETTINGS: JSON.stringify(settings),
    },
    maxBuffer: 2 ** 24,
  });
  const outcomes = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
  process.stderr.write(stdout.replaceAll(/"output":.*?"failure"/g, '"failure"'));
  expect(outcomes.filter(({ failure }) => failure !== null)).toEqual([]);
  for (const { path, output } of outcomes) {
    const { prints = [] } = BLOCK_RUNS[path.replace('.mjs', '')] ?? {};
    for (const text of prints) expect({ path, output }).toSatisfy(() => output.includes(text));
    expect(output).not.toContain(TOKEN);
    expect(output).not.toContain('Warning');
  }
  expect(authorizations).toEqual([
    `api.github.com Bearer ${TOKEN}`,
    `internal-api.company.com Bearer ${TOKEN}`,
    `api.github.com Bearer ${TOKEN}`,
  ]);
}, 600_000);

/** The program in PATH: it reads the script of the test, and finds the `/data` of the documents in a directory of it. */
function writeProgram(directory: string): void {
  const script = 'uname; echo "/workspace: $(ls /workspace)"; echo "token: $GITHUB_TOKEN"';
  const program = `#!/bin/sh
case "$*" in *" /data:"*) exec ${GONDOLIN} bash --mount-hostfs ${join(cwd, 'my-project')}:/workspace <${place}/script ;; esac
exec ${GONDOLIN} "$@" <${place}/script
`;
  writeFileSync(join(place, 'script'), `${script}\n`);
  mkdirSync(directory);
  writeFileSync(join(directory, 'gondolin'), program, { mode: 0o755 });
}

it('the commands of the documents run as they are written', async () => {
  const bin = join(place, 'bin');
  writeProgram(bin);
  const program = `import { VM } from './node_modules/${ALIAS}/wrapper.mjs';
    const vm = await VM.create();
    console.log((await vm.exec('node --version')).stdout);
    await vm.close();`;
  for (const name of ['script.mjs', 'your-script.mjs']) writeFileSync(join(cwd, name), program);
  const env = {
    ...process.env,
    ...{ PATH: [bin, process.env['PATH']].join(delimiter), DOCUMENT_SETTINGS: '{ "paths": {} }' },
    ...{ GITHUB_TOKEN: TOKEN, NO_COLOR: '1' },
  };
  for (const [id, { prints, exitCode = 0 }] of Object.entries(COMMAND_RUNS)) {
    const ended = run('sh', ['-e', '-c', documentBlock(id).text], { cwd, env });
    const failed = (error: { stdout: string; stderr: string; code: number }) => error;
    const outcome = { code: 0, ...(await ended.catch(failed)) };
    expect({ id, ...outcome }).toMatchObject({ id, code: exitCode });
    for (const text of prints) expect(outcome.stdout + outcome.stderr).toContain(text);
    expect(outcome.stdout + outcome.stderr).not.toContain(TOKEN);
  }
}, 120_000);
