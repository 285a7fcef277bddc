import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

let prefix: string;
let packed: string[];

/** What `npm install` would put beside the package: its dependencies and theirs, none of development. */
async function productionPackages(): Promise<string[]> {
  const { stdout } = await run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT });
  const modules = join(ROOT, 'node_modules');
  return stdout
    .split('\n')
    .filter((path) => path.startsWith(`${modules}/`))
    .map((path) => relative(modules, path))
    .filter((name) => !name.includes('node_modules'));
}

/** Packs the package and unpacks it as `npm install --global --prefix` does, with dependencies from the checkout. */
beforeAll(async () => {
  prefix = mkdtempSync(join(tmpdir(), 'gondolin-pack-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', prefix], {
    cwd: ROOT,
  });
  const tarball = join(prefix, stdout.trim().split('\n').at(-1) ?? '');
  packed = (await run('tar', ['--list', '--file', tarball])).stdout.trim().split('\n');
  const home = join(prefix, 'lib/node_modules/gondolin');
  mkdirSync(home, { recursive: true });
  await run('tar', ['--extract', '--strip-components=1', '--file', tarball], { cwd: home });
  for (const name of await productionPackages()) {
    const link = join(home, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), link);
  }
  const { bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  mkdirSync(join(prefix, 'bin'));
  chmodSync(join(home, bin.gondolin), 0o755);
  symlinkSync(join(home, bin.gondolin), join(prefix, 'bin/gondolin'));
}, 120_000);

afterAll(() => rmSync(prefix, { recursive: true, force: true }));

/** Runs the installed program, in a directory of its own. */
async function gondolin(...args: string[]) {
  const cwd = mkdtempSync(join(prefix, 'work-'));
  writeFileSync(join(cwd, 'gondolin.yaml'), 'image: debian\nsteps: [uname]\n');
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: cwd, GONDOLIN_ACCEL: 'tcg' };
  return run(join(prefix, 'bin/gondolin'), args, { cwd, env });
}

it('the package holds what it needs at run time and nothing of its development', () => {
  const top = new Set(packed.map((path) => path.split('/')[1]));
  expect(top).toEqual(
    new Set([
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'examples', 'guest'],
      ...['package.json', 'schema'],
    ]),
  );
  expect(packed).toContain('package/guest/build/gondolin-agent');
  expect(packed.filter((path) => path.startsWith('package/guest/build/'))).toHaveLength(1);
});

it('gondolin --help and --version answer from the installed package', async () => {
  expect((await gondolin('--help')).stdout).toContain('Usage: gondolin');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect((await gondolin('--version')).stdout).toBe(`${version}\n`);
});

it('gondolin config reads a project with the installed schema and packages', async () => {
  const { stdout } = await gondolin('config', '--format', 'json');
  expect(JSON.parse(stdout)).toMatchObject({ sandboxes: [{ steps: [{ run: 'uname' }] }] });
});

it('gondolin doctor finds the installed guest agent, a static program', async () => {
  const failed = (error: { stdout: string }) => error;
  const { stdout } = await gondolin('doctor', '--format', 'json').catch(failed);
  const { requirements } = JSON.parse(stdout) as {
    requirements: { name: string; found: boolean; detail: string }[];
  };
  const agent = requirements.find(({ name }) => name === 'guest agent');
  expect(agent).toMatchObject({
    found: true,
    detail: join(prefix, 'lib/node_modules/gondolin/guest/build/gondolin-agent'),
  });
  const { stdout: headers } = await run('readelf', ['--program-headers', agent?.detail ?? '']);
  expect(headers).toContain('LOAD');
  expect(headers).not.toContain('INTERP');
});

it('the SDK can be imported from the installed package', async () => {
  const program = "import('gondolin').then(({ VM }) => console.log(typeof VM.create))";
  const home = join(prefix, 'lib/node_modules/gondolin');
  const { stdout } = await run(process.execPath, ['--eval', program], { cwd: home });
  expect(stdout).toBe('function\n');
});

it('a program that checks its libraries compiles against the types of the installed package', async () => {
  const project = mkdtempSync(join(prefix, 'types-'));
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
  symlinkSync(join(prefix, 'lib/node_modules/gondolin'), join(project, 'node_modules/gondolin'));
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  const program = `import { type ExecResult, GondolinError, RealFSProvider, VM } from 'gondolin';
    export async function list(path: string): Promise<ExecResult> {
      const vm = await VM.create({ vfs: { mounts: { '/src': new RealFSProvider(path) } } });
      return vm.exec(['ls', '/src']);
    }
    export const isOurs = (error: unknown): boolean => GondolinError.is(error);`;
  writeFileSync(join(project, 'main.ts'), program);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: ['node'] },
    skipLibCheck: false,
  };
  const config = { compilerOptions, files: ['main.ts'] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = await run(process.execPath, [TSC, '--project', project]);
  expect(stdout).toBe('');
}, 60_000);
