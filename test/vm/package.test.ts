import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../fixtures/net/free-port.ts';
import { serverCa } from '../fixtures/net/server-ca.ts';
import { type CodeBlock, codeBlocksOf, programOf } from '../fixtures/package/code-blocks.ts';
import {
  copyOfExample,
  emptyDirectory,
  replacePort,
  succeed as succeedWith,
} from '../fixtures/package/example.ts';
import { type InstalledPackage, installPackage } from '../fixtures/package/install-package.ts';
import {
  startLocalHost,
  writePackageWithHost,
  writeProjectWithHost,
} from '../fixtures/package/local-hosts.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const TOKEN = 'the-token-of-the-host';
/** Each may build an image of its own. */
const BLOCK_MS = 300_000;

let installed: InstalledPackage;

beforeAll(async () => {
  installed = await installPackage();
});

afterAll(() => installed.remove(), 60_000);

/** Output of a program that must succeed, on both streams. */
function succeed(cwd: string, program: string, ...args: string[]): Promise<string> {
  const env = { ...installed.env, GITHUB_TOKEN: TOKEN };
  return succeedWith({ ...installed, env }, cwd, program, ...args);
}

/** A user's project: the files that blocks of the documents name. */
function userDirectory(): string {
  const cwd = emptyDirectory(installed);
  writeFileSync(join(cwd, 'test.sh'), '#!/bin/sh\necho tested\n', { mode: 0o755 });
  writeFileSync(join(cwd, 'root.pem'), serverCa.caPem);
  return cwd;
}

/** How a block of each language runs. */
const RUN: Readonly<Record<string, (block: CodeBlock) => Promise<string>>> = {
  async js(block) {
    const cwd = userDirectory();
    const github = await startLocalHost('api.github.com');
    const program = programOf(block, writePackageWithHost(cwd, github));
    writeFileSync(join(cwd, 'block.mjs'), program);
    const output = await succeed(cwd, process.execPath, 'block.mjs');
    const asked = block.text.includes('https://api.github.com') ? [`Bearer ${TOKEN}`] : [];
    expect(github.authorizations).toEqual(asked);
    return output;
  },
  async yaml(block) {
    const cwd = userDirectory();
    const github = await startLocalHost('api.github.com');
    writeFileSync(join(cwd, 'gondolin.yaml'), block.text);
    const file = block.text.includes('network:')
      ? writeProjectWithHost(cwd, github)
      : 'gondolin.yaml';
    const output = await succeed(cwd, 'gondolin', 'run', '-f', file);
    const asked = block.text.includes('https://api.github.com') ? [`Bearer ${TOKEN}`] : [];
    expect(github.authorizations).toEqual(asked);
    return output;
  },
  sh: (block) => succeed(emptyDirectory(installed), 'sh', '-e', '-c', block.text),
};

const blocks = ['README.md', 'docs/sdk.md', 'docs/functions.md'].flatMap((page) =>
  codeBlocksOf(page),
);

it('the documents have blocks of each language that is run here, and of no other', () => {
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(Object.keys(RUN)));
});

it.skip.each(blocks.filter(({ notRun }) => notRun !== undefined))(
  'the $language block at $place does not run here: $notRun',
  () => undefined,
);

it.each(blocks.filter(({ notRun }) => notRun === undefined))(
  'the $language block at $place runs with the installed package',
  async (block) => {
    const output = (await RUN[block.language]?.(block)) ?? '';
    for (const text of block.prints) expect(output).toContain(text);
    expect(output).not.toContain(TOKEN);
    expect(output).not.toContain('Warning');
  },
  BLOCK_MS,
);

it('a program in an empty directory starts a VM, runs a command and ends', async () => {
  const cwd = emptyDirectory(installed);
  const program = `import { VM } from 'gondolin';
    const vm = await VM.create();
    const { exitCode, stdout } = await vm.exec('uname');
    await vm.close();
    console.log(exitCode, stdout);`;
  writeFileSync(join(cwd, 'main.mjs'), program);
  expect(await succeed(cwd, process.execPath, 'main.mjs')).toContain('0 Linux\n');
});

const PROGRAM = 'node_modules/.bin/gondolin';
/** Those that need more than one run of the program. */
const OWN_TEST = ['agent', 'functions', 'network'];
/** Those of `npm run test:long`. */
const LONG = ['ci', 'matrix', 'monorepo', 'node-project', 'postgres', 'webapp'];

it.each(
  readdirSync(join(ROOT, 'examples')).filter((name) => ![...OWN_TEST, ...LONG].includes(name)),
)(
  'examples/%s runs with the installed program',
  async (name) => {
    await succeed(copyOfExample(installed, name), join(installed.project, PROGRAM), 'run');
  },
  BLOCK_MS,
);

/** What each program of examples/functions prints. */
const PRINTED: Readonly<Record<string, string>> = {
  'simple.mjs': 'Hello, World!\n',
  'calculator.mjs':
    'add: 16\nsubtract: 8\nmultiply: 48\ndivide: 3\nERR_INTERNAL: Error: division by zero\n',
  'unload.mjs': 'count: 2\ncount after unload: 1\nshout: NEW HANDLER\n',
  'interrupt.mjs': 'ERR_CANCELLED, poisoned: true\npoisoned after restore: false\n',
  'cpu-timeout.mjs': 'ERR_CANCELLED, ended by cpu-time\n',
  'host-functions.mjs': "{ article: 'apple', count: 3 }\n{ refused: 'no pear is left' }\n",
};

it(
  'examples/functions: its function is called, and its programs print what they should',
  async () => {
    const cwd = copyOfExample(installed, 'functions');
    const called = await succeed(cwd, 'gondolin', 'call', 'greet', '--json', '{"name": "World"}');
    expect(JSON.parse(called)).toEqual({ message: 'Hello, World!' });
    const programs = readdirSync(cwd).filter((name) => name.endsWith('.mjs'));
    expect(programs.toSorted()).toEqual(Object.keys(PRINTED).toSorted());
    for (const [name, text] of Object.entries(PRINTED)) {
      expect(await succeed(cwd, process.execPath, name), name).toBe(`${text}\n`);
    }
  },
  BLOCK_MS,
);

it(
  'examples/network reaches its server with the installed program',
  async () => {
    const cwd = copyOfExample(installed, 'network');
    replacePort(cwd, ['gondolin.yaml', 'server.mjs'], '8080', await freePort());
    const server = spawn(process.execPath, ['server.mjs'], { cwd, stdio: 'pipe' });
    onTestFinished(() => void server.kill());
    await once(server.stdout, 'data');
    expect(await succeed(cwd, 'gondolin', 'run')).toContain('welcome: Bearer GONDOLIN_SECRET_');
  },
  BLOCK_MS,
);

it(
  'examples/agent does its work with both credentials, has neither, and is refused the rest',
  async () => {
    const cwd = copyOfExample(installed, 'agent');
    replacePort(cwd, ['gondolin.yaml', 'server.mjs'], '8090', await freePort());
    const server = spawn(process.execPath, ['server.mjs'], { cwd, stdio: 'pipe' });
    onTestFinished(() => void server.kill());
    await once(server.stdout, 'data');
    const output = await succeed(cwd, 'gondolin', 'run');
    expect(output).toMatch(/patch of \d+ lines received/);
    expect(output).toContain('MODEL_KEY is GONDOLIN_SECRET_');
    expect(output).not.toContain('demo-model-key');
    expect(readFileSync(join(cwd, 'code/total.sh'), 'utf8')).toContain('total + number');
  },
  BLOCK_MS,
);
