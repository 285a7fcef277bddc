/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read-config.ts';
import type { Repository } from '../../../src/convert/init/repository.ts';
import { writeProject } from '../../../src/convert/init/write-project.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { renderPlan } from '../../../src/plan/render-plan.ts';
import { filesOf } from '../../fixtures/project-text.ts';

/** Texts of files by their paths in the repository. */
type Files = Readonly<Record<string, string>>;

function repositoryOf(files: Files): Repository {
  const below = (path: string) => (path === '.' ? '' : `${path}/`);
  return {
    text: (path) => (Object.hasOwn(files, path) ? (files[path] ?? null) : null),
    names: (path) => {
      const inside = Object.keys(files).filter((name) => name.startsWith(below(path)));
      return [...new Set(inside.map((name) => name.slice(below(path).length).split('/')[0] ?? ''))];
    },
  };
}

/** Writes the project file, reads it as `gondolin plan` does, and returns it. */
async function init(files: Files) {
  const project = await writeProject(repositoryOf(files));
  if (project === null) throw new Error('nothing found');
  const tree = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [`/p/${name}`, text]),
  );
  const access = filesOf({ '/p': null, ...tree });
  const config = readConfig({ path: '/p/gondolin.yaml', text: project.text }, { access, env: {} });
  const plan = buildPlan(config, { arch: 'x86_64', release: 'bookworm' });
  const [sandbox] = plan.sandboxes;
  const [own] = config.sandboxes;
  if (sandbox === undefined || own === undefined) throw new Error('no sandbox');
  return {
    ...project,
    plan: renderPlan(plan),
    packages: own.image.packages,
    hosts: sandbox.network.allowedHosts,
    secrets: sandbox.secrets,
    steps: own.steps.map(({ name, run, needs }) => [name, run, ...needs]),
    checkpoints: own.steps.filter(({ checkpoint }) => checkpoint).map(({ name }) => name),
    inputs: own.steps.flatMap(({ inputs }) => inputs.map(({ pattern }) => pattern)),
  };
}

const NODE = JSON.stringify({
  scripts: { lint: 'x', test: 'node --test', deploy: 'y' },
  dependencies: { a: '1' },
});
const NPM_LOCK = JSON.stringify(
  { packages: { 'node_modules/a': { resolved: 'https://npm.example.com/a/-/a-1.tgz' } } },
  null,
  2,
);

describe('writeProject()', () => {
  it('finds nothing in an empty repository', async () => {
    expect(await writeProject(repositoryOf({ 'README.md': '' }))).toBeNull();
  });

  it('Node.js with npm: the registry of the lock file, scripts, a checkpoint', async () => {
    const project = await init({ 'package.json': NODE, 'package-lock.json': NPM_LOCK });
    expect(project.packages).toEqual(['git', 'nodejs', 'npm']);
    expect(project.hosts).toEqual(['npm.example.com']);
    expect(project.steps).toEqual([
      ['install', 'npm ci'],
      ['lint', 'npm run lint', 'install'],
      ['test', 'npm test', 'install'],
    ]);
    expect(project.checkpoints).toEqual(['install']);
    expect(project.inputs).toEqual(['package.json', 'package-lock.json']);
    expect(project.found).toEqual(['package.json, package-lock.json: Node.js with npm']);
    expect(project.plan).toContain('/workspace/node_modules (memory');
  });

  it.each([
    ['pnpm-lock.yaml', 'pnpm@9.1.0', 'npx --yes pnpm@9.1.0 install --frozen-lockfile'],
    ['pnpm-lock.yaml', 'pnpm@9; rm -rf /', 'npx --yes pnpm install --frozen-lockfile'],
    ['yarn.lock', 'yarn@1.22.22+sha512.ab', 'npx --yes yarn@1.22.22 install --frozen-lockfile'],
  ])('Node.js with %s and %s', async (lock, packageManager, command) => {
    const text = JSON.stringify({ packageManager, dependencies: { a: '1' }, workspaces: ['x'] });
    const entry = 'a@1:\n  resolved "https://yarn.example.com:8443/a.tgz"\n';
    const project = await init({ 'package.json': text, [lock]: entry });
    expect(project.steps).toEqual([['install', command]]);
    expect(project.hosts).toEqual(['yarn.example.com:8443']);
    expect(project.checkpoints).toEqual([]);
  });

  it('uses the package manager that package.json names where there is no lock file', async () => {
    const text = JSON.stringify({ packageManager: 'pnpm@9.1.0', dependencies: { a: '1' } });
    const project = await init({ 'package.json': text });
    expect(project.found).toEqual(['package.json: Node.js with pnpm']);
    expect(project.steps).toEqual([['install', 'npx --yes pnpm@9.1.0 install']]);
  });

  it.each(['{bad', '[]', ''])('says that package.json is not JSON: %j', async (text) => {
    const project = await init({ 'package.json': text });
    expect(project.text).toContain('# npm: package.json is not JSON');
    expect(project.steps).toEqual([['version', 'node --version']]);
  });

  it('takes registries of .npmrc, and never its credential', async () => {
    const rc =
      'registry=https://user:hunter2@npm.example.com/\n@a:registry = http://b.example.com:81/x\n//npm.example.com/:_authToken=hunter2\n@c:registry=https://${HOST}/\n';
    const project = await init({ 'package.json': NODE, '.npmrc': rc });
    expect(project.hosts).toEqual(['b.example.com:81', 'npm.example.com']);
    expect(project.text).not.toContain('hunter2');
    expect(project.text).toContain('secrets: [NAME@host]');
    expect(project.secrets).toEqual([]);
  });

  it('names no host of its own: without one in the project a comment says what to add', async () => {
    for (const files of [
      { 'package.json': NODE },
      { 'requirements.txt': 'flask\n' },
      { 'Cargo.toml': '[package]\n' },
      { 'go.mod': 'module x\n', 'go.sum': 'y\n' },
      { Gemfile: 'gem "x"\n' },
      { 'pom.xml': '<project/>' },
    ]) {
      const project = await init(files as Files);
      expect(project.hosts).toEqual([]);
      expect(project.text).toMatch(/^ {2}# \w+: no file names its registry\. Add the host here/m);
    }
  });

  it('Python with requirements and pytest', async () => {
    const project = await init({
      'requirements.txt': '--index-url https://pypi.example.com/simple\npytest\n',
    });
    expect(project.hosts).toEqual(['pypi.example.com']);
    expect(project.checkpoints).toEqual(['install']);
    expect(project.steps[1]).toEqual(['test', '/opt/venv/bin/python -m pytest', 'install']);
  });

  it('Python with pyproject.toml and uv.lock', async () => {
    const project = await init({
      'pyproject.toml': '[project]\nname = "x"\n',
      'uv.lock':
        'source = { registry = "https://pypi.example.com/simple" }\nsdist = { url = "https://files.example.com/x.tgz" }\n',
    });
    expect(project.hosts).toEqual(['files.example.com', 'pypi.example.com']);
    expect(project.steps[1]?.[1]).toContain('unittest');
    expect(project.checkpoints).toEqual([]);
  });

  it('Python with settings of tools only installs nothing of its own', async () => {
    const project = await init({ 'pyproject.toml': '[tool.black]\nline-length = 100\n' });
    expect(project.steps[0]?.[1]).toBe('python3 -m venv /opt/venv');
    expect(project.text).not.toContain('Add the host here');
  });

  it('Rust', async () => {
    const project = await init({
      'Cargo.toml': '[package]\n',
      'Cargo.lock': '[[package]]\nsource = "registry+https://crates.example.com/index"\n',
      '.cargo/config.toml': '[registries.a]\nindex = "sparse+https://own.example.com/index/"\n',
    });
    expect(project.hosts).toEqual(['crates.example.com', 'own.example.com']);
    expect(project.steps.map(([, run]) => run)).toEqual([
      'cargo fetch --locked',
      'cargo build --locked',
      'cargo test --locked',
    ]);
    const bare = await init({ 'Cargo.toml': '[package]\n', 'Cargo.lock': 'version = 3\n' });
    expect(bare.steps.map(([name]) => name)).toEqual(['build', 'test']);
  });

  it('Go, with and without vendor/', async () => {
    const module = { 'go.mod': 'module x\n', 'go.sum': 'y\n' };
    expect((await init(module)).steps.map(([name]) => name)).toEqual(['fetch', 'build', 'test']);
    const vendored = await init({ ...module, 'vendor/modules.txt': '' });
    expect(vendored.steps.map(([name]) => name)).toEqual(['build', 'test']);
    expect(vendored.text).not.toContain('Add the host here');
  });

  it('Ruby', async () => {
    const project = await init({
      Gemfile: "source 'https://gems.example.com'\n",
      'Gemfile.lock': 'GEM\n  remote: https://other.example.com/\n',
      'spec/a_spec.rb': '',
    });
    expect(project.hosts).toEqual(['gems.example.com', 'other.example.com']);
    expect(project.steps.map(([, run]) => run)).toEqual(['bundle install', 'bundle exec rspec']);
  });

  it('Maven', async () => {
    const project = await init({
      'pom.xml':
        '<url>https://home.example.com</url><repository><id>a</id><url>https://maven.example.com/x</url></repository>',
    });
    expect(project.hosts).toEqual(['maven.example.com']);
    expect(project.packages).toContain('maven');
  });

  it('a Dockerfile and nothing else is the image', async () => {
    const project = await init({ Dockerfile: 'FROM debian\nRUN apt-get install -y jq\n' });
    expect(project.text).toContain('dockerfile: ./Dockerfile');
    expect(project.text).not.toMatch(/packages|image: debian/);
    expect(project.plan).toContain('/p/Dockerfile');
    expect(project.steps).toEqual([['files', 'ls -la']]);
  });

  it('a Dockerfile beside a project: its Debian packages', async () => {
    const project = await init({
      'go.mod': 'module x\n',
      Dockerfile:
        'FROM debian\nRUN apt-get update && apt-get install -y --no-install-recommends \\\n  curl=8.* \\\n  # a comment\n  jq $EXTRA \\\n && rm x\nRUN apt install git\nRUN apt-get -y install make\nCOPY . .\n',
    });
    expect(project.packages).toEqual(expect.arrayContaining(['curl', 'git', 'jq', 'make']));
    expect(project.text).toContain('dockerfile: ./Dockerfile } } and image: app.');
  });

  it('a Dockerfile with millions of options is read to its end', async () => {
    const text = `apt ${'-a '.repeat(2_000_000)}`;
    const project = await init({ 'go.mod': 'module x\n', Dockerfile: text });
    expect(project.packages).not.toContain('-a');
  });

  it('Compose file and dev container: names the command that converts them', async () => {
    const project = await init({ 'compose.yaml': '', '.devcontainer/devcontainer.json': '' });
    expect(project.text).toContain('`gondolin convert compose.yaml`');
    expect(project.text).toContain('`gondolin convert .devcontainer/devcontainer.json`');
    expect(project.plan).toContain('debian bookworm');
  });

  it('CI workflows: lists their commands as comments, without credentials', async () => {
    const project = await init({
      '.github/workflows/ci.yml':
        'jobs:\n  a:\n    steps:\n      - uses: x\n      - run: |\n          make unit\n          deploy --token hunter2\n',
      '.gitlab-ci.yml': 'unit:\n  script: [make lint, "echo \\u202e\\n# x"]\n',
    });
    expect(project.text).toMatch(/^# {3}make unit$/m);
    expect(project.text).toMatch(/^# {3}make lint$/m);
    expect(project.text).not.toMatch(/hunter2|\u202e/);
  });

  it('several kinds at once: steps are named after them', async () => {
    const project = await init({ 'package.json': NODE, 'go.mod': 'module x\n' });
    expect(project.steps.map(([name]) => name)).toEqual([
      'node install',
      'node lint',
      'node test',
      'go build',
      'go test',
    ]);
  });

  it('writes a file that plan accepts whatever the files of a repository contain', async () => {
    const names = [
      'package.json',
      'package-lock.json',
      '.npmrc',
      'pyproject.toml',
      'requirements.txt',
      'Cargo.toml',
      'Cargo.lock',
      'go.mod',
      'Gemfile',
      'pom.xml',
      'Dockerfile',
      '.gitlab-ci.yml',
      '.github/workflows/a\u202eb.yml',
    ];
    const pieces = [
      '"resolved": "https://',
      'registry=https://a\n',
      'source "http://x:99999',
      '<url>https://[::1]</url>',
      'RUN apt-get install ',
      '--index-url https://*.com ',
      'a:\n  script: [x]\n',
      '{"scripts":{"test":1},"dependencies":{"a":1}}',
      'jobs: {a: {steps: [{run: "',
      '\n',
      '\0',
      '\u202e',
      '# ',
      '"]}}',
      'https://10.0.0.1/',
    ];
    const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 8 })), {
      maxLength: 8,
    });
    const files = fc.dictionary(
      fc.constantFrom(...names),
      text.map((parts) => parts.join('')),
      { minKeys: 1, noNullPrototype: true },
    );
    await fc.assert(
      fc.asyncProperty(files, async (found) => {
        const repository = repositoryOf(found);
        if ((await writeProject(repository)) !== null) await init(found);
      }),
      { numRuns: 100 },
    );
  });
});
