import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type InstalledPackage, installPackage } from '../../fixtures/package/install-package.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const run = promisify(execFile);

/** Compiled from C: the first runs in guests, the second on the host, where it starts QEMU. */
const PROGRAMS = [
  'gondolin-agent',
  'aarch64/gondolin-agent',
  'gondolin-confine',
  'gondolin-js',
].map((name) => `guest/build/${name}`);

let installed: InstalledPackage;
let packed: string[];

beforeAll(async () => {
  installed = await installPackage();
  const { stdout } = await run('tar', ['--list', '--file', installed.tarball]);
  packed = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
}, 240_000);

afterAll(() => installed.remove(), 60_000);

/** Directories of the package: as a dependency, and as a global program. */
const homes = () => ({
  dependency: join(installed.project, 'node_modules/gondolin'),
  global: join(installed.prefix, 'lib/node_modules/gondolin'),
});
const programs = () => ({
  dependency: join(installed.project, 'node_modules/.bin/gondolin'),
  global: join(installed.prefix, 'bin/gondolin'),
});
type Way = keyof ReturnType<typeof homes>;
const WAYS: readonly Way[] = ['dependency', 'global'];

/** Runs an installed program in a project of its own. */
async function gondolin(way: Way, ...args: string[]) {
  const cwd = mkdtempSync(join(installed.project, 'work-'));
  writeFileSync(join(cwd, 'gondolin.yaml'), 'image: debian\nsteps: [uname]\n');
  return run(programs()[way], args, { cwd, env: { ...installed.env, GONDOLIN_ACCEL: 'tcg' } });
}

it('the package holds what it needs at run time and nothing of its development', () => {
  expect(new Set(packed.map((path) => path.split('/')[0]))).toEqual(
    new Set([
      ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist'],
      ...['docs', 'examples', 'guest', 'package.json', 'schema'],
    ]),
  );
  expect(packed.filter((path) => path.startsWith('guest/build/')).toSorted()).toEqual(
    PROGRAMS.toSorted(),
  );
});

it('the documents of the package link to files that it has', () => {
  const files = new Set(packed);
  const directories = new Set(packed.map((path) => dirname(path)));
  const pages = packed.filter((path) => path.endsWith('.md'));
  const broken = pages.flatMap((page) => {
    const text = readFileSync(join(homes().dependency, page), 'utf8');
    return [...text.matchAll(/\]\(([^)\s#]+)[^)\s]*\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => normalize(join(dirname(page), link)))
      .filter((path) => !files.has(path) && !directories.has(path))
      .map((path) => `${page}: ${path}`);
  });
  expect(pages).toContain('README.md');
  expect(broken).toEqual([]);
});

it.each(WAYS)('gondolin --help and --version answer from the %s', async (way) => {
  expect((await gondolin(way, '--help')).stdout).toContain('Usage: gondolin');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect((await gondolin(way, '--version')).stdout).toBe(`${version}\n`);
});

it.each(WAYS)('gondolin config reads a project with the schema of the %s', async (way) => {
  const { stdout } = await gondolin(way, 'config', '--format', 'json');
  expect(JSON.parse(stdout)).toMatchObject({ sandboxes: [{ steps: [{ run: 'uname' }] }] });
});

it.each(WAYS)('gondolin doctor finds the guest agent of the %s', async (way) => {
  const failed = (error: { stdout: string }) => error;
  const { stdout } = await gondolin(way, 'doctor', '--format', 'json').catch(failed);
  const { requirements } = JSON.parse(stdout) as {
    requirements: { name: string; found: boolean; detail: string }[];
  };
  expect(requirements.find(({ name }) => name === 'guest agent')).toMatchObject({
    found: true,
    detail: join(homes()[way], 'guest/build/gondolin-agent'),
  });
});

it.each(PROGRAMS)('%s is a static program that may be executed', async (name) => {
  for (const home of Object.values(homes())) {
    const path = join(home, name);
    expect(statSync(path).mode & 0o111).toBe(0o111);
    const { stdout: headers } = await run('readelf', ['--program-headers', path]);
    expect(headers).toContain('LOAD');
    expect(headers).not.toContain('INTERP');
  }
});

it('the SDK and the schema can be imported from the package', async () => {
  const program = `
    import schema from 'gondolin/schema' with { type: 'json' };
    import { VM } from 'gondolin';
    console.log(typeof VM.create, typeof schema.properties);`;
  writeFileSync(join(installed.project, 'imports.mjs'), program);
  const { stdout } = await run(process.execPath, ['imports.mjs'], { cwd: installed.project });
  expect(stdout).toBe('function object\n');
});

it.each([
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
])(
  'a strict program compiles against the types of the package with $moduleResolution',
  async (resolution) => {
    const project = mkdtempSync(join(installed.project, 'types-'));
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
    const program = `import { createHttpHooks, type ExecResult, GondolinError, type PolicyOptions, RealFSProvider, VM } from 'gondolin';
      export async function list(path: string): Promise<ExecResult> {
        const { httpHooks, env } = createHttpHooks({ allowedHosts: ['registry.example.com'] });
        const mounts = { '/src': new RealFSProvider(path) };
        const vm = await VM.create({ httpHooks, env, vfs: { mounts } });
        return vm.exec(['ls', '/src']);
      }
      export const open = (policy: PolicyOptions = { mode: 'open' }) => VM.create({ network: { policy } });
      // @ts-expect-error: not made by createHttpHooks
      export const unbranded = VM.create({ httpHooks: {} });
      // @ts-expect-error: no option of that name
      export const wrong = VM.create({ memroy: '1GiB' });
      export const isOurs = (error: unknown): boolean => GondolinError.is(error);`;
    writeFileSync(join(project, 'main.ts'), program);
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    const compilerOptions = {
      ...resolution,
      target: 'es2023',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ['node'],
      skipLibCheck: false,
    };
    const provider = readFileSync(join(ROOT, 'test/fixtures/package/greeting-provider.ts'), 'utf8');
    const own = provider.replace("'../../../src/index.ts'", "'gondolin'");
    writeFileSync(join(project, 'greeting-provider.ts'), own);
    const config = { compilerOptions, files: ['main.ts', 'greeting-provider.ts'] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    // The compiler says what is wrong on standard output, and fails.
    const { stdout } = await run(process.execPath, [tsc, '--project', project]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  },
  60_000,
);
