import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { documentBlock } from '../../fixtures/documents/document-blocks.ts';
import { ALIAS, installAlias } from '../../fixtures/package/alias-package.ts';
import { packPackage } from '../../fixtures/package/pack-package.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const run = promisify(execFile);

const place = realpathSync(mkdtempSync(join(tmpdir(), 'gondolin-aliased-')));
const [project, prefix] = [join(place, 'project'), join(place, 'prefix')];

beforeAll(async () => {
  const tarball = await packPackage();
  await installAlias(tarball, project);
  await installAlias(tarball, prefix, 'global');
}, 240_000);

afterAll(() => rmSync(place, { recursive: true, force: true }), 60_000);

/** Output of a program in the project, on both streams: a warning of Node would be there. */
async function output(name: string, text: string, env: NodeJS.ProcessEnv = process.env) {
  writeFileSync(join(project, name), text);
  const { stdout, stderr } = await run(process.execPath, [name], { cwd: project, env });
  return `${stdout}${stderr}`;
}

/** Finds the agent, the schema and the version below the package's own root. */
const USE = `
  const issue = await VM.create({ vfs: { mounts: { relative: new MemoryProvider() } } }).catch((error) => error.code);
  console.log(typeof createHttpHooks({}).httpHooks, issue);`;

it('the package installed by the name of the documents is imported by that name', async () => {
  const program = `import { createHttpHooks, MemoryProvider, VM } from '${ALIAS}';${USE}`;
  expect(await output('named.mjs', program)).toBe('object VM_BAD_OPTION\n');
});

it('require() gives the same classes as import, without a warning', async () => {
  const program = `const { createHttpHooks, GondolinError, MemoryProvider, VM } = require('${ALIAS}');
    (async () => {${USE}
      const imported = await import('${ALIAS}');
      console.log(imported.VM === VM, imported.GondolinError === GondolinError);
    })();`;
  expect(await output('required.cjs', program)).toBe('object VM_BAD_OPTION\ntrue true\n');
});

it.each([
  { way: 'NODE_PATH', env: () => ({ NODE_PATH: join(prefix, 'lib/node_modules') }) },
  { way: 'npm root -g', env: () => ({ NODE_PATH: '', npm_config_prefix: prefix }) },
])(
  'the portable import helper of document 001 finds the global package by $way',
  async ({ env }) => {
    writeFileSync(join(project, 'gondolin-import.mjs'), documentBlock('001-05').text);
    const program = `import { createHttpHooks, MemoryProvider, VM } from "./gondolin-import.mjs";${USE}`;
    const answer = await output('helped.mjs', program, { ...process.env, ...env() });
    expect(answer).toBe('object VM_BAD_OPTION\n');
  },
);

it.each([
  { id: '001-42', prints: '@earendil-works/gondolin@npm:gondolin@' },
  // By require(): import does not read NODE_PATH.
  { id: '001-43', prints: 'function' },
])('block $id of the documents finds the global package', async ({ id, prints }) => {
  const cwd = mkdtempSync(join(place, 'work-'));
  const program = `import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    console.log(typeof require('${ALIAS}').VM.create);`;
  writeFileSync(join(cwd, 'your-script.mjs'), program);
  const env = { ...process.env, npm_config_prefix: prefix };
  const { stdout } = await run('sh', ['-e', '-c', documentBlock(id).text], { cwd, env });
  expect(stdout).toContain(prints);
});

it('the program of the aliased package finds its guest agent and schema', async () => {
  writeFileSync(join(project, 'gondolin.yaml'), 'image: debian\nsteps: [uname]\n');
  for (const program of [
    join(project, 'node_modules/.bin/gondolin'),
    join(prefix, 'bin/gondolin'),
  ]) {
    const env = { ...process.env, GONDOLIN_ACCEL: 'tcg' };
    const { stdout } = await run(program, ['plan'], { cwd: project, env });
    expect(stdout).toContain('uname');
  }
  expect(existsSync(join(project, 'node_modules', ALIAS, 'guest/build/gondolin-agent'))).toBe(true);
});

it.each(['esm', 'cjs'] as const)(
  'a bundler makes a program of format %s that imports the package at run time',
  async (format) => {
    const contents = `import { VM } from '${ALIAS}'; console.log(typeof VM.create);`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: project },
      ...{ format, bundle: true, platform: 'node', packages: 'external', write: false },
    });
    const name = format === 'esm' ? 'bundled.mjs' : 'bundled.cjs';
    expect(await output(name, outputFiles[0]?.text ?? '')).toBe('function\n');
  },
);

it('a bundler that copies the package is told to leave it outside', async () => {
  const contents = `import { VM } from '${ALIAS}'; VM.create().catch((error) => console.log(error.code, error.hint));`;
  const outdir = mkdtempSync(join(place, 'bundle-'));
  await build({
    stdin: { contents, resolveDir: project },
    ...{ format: 'esm', bundle: true, platform: 'node', splitting: true, outdir },
    external: ['koffi', 'undici'],
    outExtension: { '.js': '.mjs' },
  });
  symlinkSync(join(project, 'node_modules'), join(outdir, 'node_modules'));
  const { stdout } = await run(process.execPath, [join(outdir, 'stdin.mjs')]);
  expect(stdout).toContain('HOST_PACKAGE_INCOMPLETE');
  expect(stdout).toContain('mark gondolin as external');
});

it.each([
  { id: '000-21', env: { GONDOLIN_GUEST_DIR: '/path/to/assets' } },
  { id: '000-22', env: { PATH: '/nowhere' } },
])('an error has the text of block $id of the documents', async ({ id, env }) => {
  const program = `import { VM } from '${ALIAS}'; VM.create().catch(({ message }) => console.log('Error: ' + message));`;
  const answer = await output('failing.mjs', program, { ...process.env, ...env });
  expect(answer).toBe(documentBlock(id).text);
});

it('publint finds nothing to say about the packed package', async () => {
  const pkgDir = join(project, 'node_modules', ALIAS);
  const { messages, pkg } = await publint({ pkgDir, strict: true, pack: false });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

it('a strict CommonJS program compiles against the types of the aliased package', async () => {
  const directory = mkdtempSync(join(project, 'types-'));
  mkdirSync(join(directory, 'node_modules/@types'), { recursive: true });
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(directory, 'node_modules', name));
  const program = `import { type ExecResult, VM } from '${ALIAS}';
    import gondolin = require('${ALIAS}');
    export const create: typeof VM.create = gondolin.VM.create;
    // @ts-expect-error: no option of that name
    export const wrong = VM.create({ memroy: '1GiB' });
    export const code = (result: ExecResult): number => result.exitCode;`;
  writeFileSync(join(directory, 'main.cts'), program);
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: ['node'] },
    skipLibCheck: false,
  };
  writeFileSync(
    join(directory, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['main.cts'] }),
  );
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  // The compiler says what is wrong on standard output, and fails.
  const { stdout } = await run(process.execPath, [tsc, '--project', directory]).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe('');
}, 60_000);
