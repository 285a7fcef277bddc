import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BIN, directoryWith, ROOT, runCli, TSX } from '../../fixtures/cli/run-cli.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';

const TRACE = pathToFileURL(join(ROOT, 'test/fixtures/cli/trace-imports.mjs')).href;

/** Returns the modules that a traced process loaded, from its `LOADED` lines. */
function loadedModules(stderr: string): { packages: Set<string>; rooms: Set<string> } {
  const urls = [...stderr.matchAll(/^LOADED (\S+)/gm)].map((match) => match[1] ?? '');
  const matches = (pattern: RegExp) => urls.flatMap((url) => pattern.exec(url)?.[1] ?? []);
  const packages = matches(/node_modules\/([^/]+)/).filter((name) => name !== 'tsx');
  const source = `${pathToFileURL(ROOT).href}/src/`;
  const rooms = urls
    .filter((url) => url.startsWith(source))
    .map((url) => url.slice(source.length).split('/', 1)[0] ?? '');
  return { packages: new Set(packages), rooms: new Set(rooms) };
}

describe('start-up loads only what a command needs', () => {
  it.each([
    [['doctor'], ['commander']],
    ...(IS_FULL_LOAD ? ['images', 'prune', 'init'] : []).map((name): [string[], string[]] => [
      [name],
      ['commander'],
    ]),
    [['run', '-f', 'no-such.yaml'], ['commander']],
    [
      ['plan', '-f', join(ROOT, 'examples/hello/gondolin.yaml')],
      ['ajv', 'commander', 'yaml'],
    ],
  ])('gondolin %j loads %j', async (args, packages) => {
    const options = {
      cwd: directoryWith(),
      env: { PATH: '/nowhere' },
      nodeArguments: ['--import', TRACE],
    };
    const loaded = loadedModules((await runCli(args, options)).stderr);
    expect(loaded.packages).toEqual(new Set(packages));
  });

  it('import of the SDK loads no package', async () => {
    const cwd = directoryWith();
    const file = join(cwd, 'main.mjs');
    writeFileSync(
      file,
      `const { VM } = await import(${JSON.stringify(join(ROOT, 'src/index.ts'))}); new VM.create;`,
    );
    const argv = ['--import', TSX, '--import', TRACE, file];
    const child = spawn(process.execPath, argv, { cwd });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    await once(child, 'close');
    expect(stderr).toContain('LOADED');
    expect(stderr).toContain('VM.create is not a constructor');
    const loaded = loadedModules(stderr);
    expect(loaded.packages).toEqual(new Set());
    expect(loaded.rooms).toContain('vm');
  });
});

describe('gondolin --help', () => {
  it.each([['--help'], ['run', '--help'], ['--version']])(
    '%s %s loads nothing of config, plan, image, machine, vm or project, and of npm only commander',
    async (...args) => {
      const options = { cwd: directoryWith(), nodeArguments: ['--import', TRACE] };
      const { code, stderr } = await runCli(args.filter(Boolean), options);
      expect(code).toBe(0);
      const { packages, rooms } = loadedModules(stderr);
      expect(packages).toEqual(new Set(['commander']));
      expect(rooms).toEqual(new Set(['cli', 'errors', 'host', 'util']));
    },
  );

  it('lists every command, and the options of a command', async () => {
    const cwd = directoryWith();
    const whole = await runCli(['--help'], { cwd });
    for (const name of ['init', 'config', 'plan', 'run', 'images', 'prune', 'doctor']) {
      expect(whole.stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
    const prune = await runCli(['prune', '--help'], { cwd });
    expect(prune.stdout).toContain('--older-than <age>');
    expect(prune.stdout).toContain('--file <file>');
  });
});

it('gondolin --version prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { stdout } = await runCli(['--version'], { cwd: directoryWith() });
  expect(stdout).toBe(`${version}\n`);
});

describe('a mistake on the command line', () => {
  it.each([
    [['imgaes'], /unknown command 'imgaes'.*images/],
    [['run', '--progres', 'json'], /unknown option '--progres'.*--progress/],
    [['run', '--progress', 'loud'], /'loud' is invalid.*quiet/],
    [['images', '--format', 'yaml'], /--format yaml: this command supports text, json/],
    [['prune', '--older-than', 'soon'], /--older-than soon/],
    [['prune', '--all', '--older-than', '1d'], /cannot be combined/],
    [['images', '--', 'x'], /images accepts nothing after `--`/],
    [['images', 'x'], /images x: not understood/],
    [['run', '--progress', 'tty'], /not a terminal/],
    [['up', '--exit-code-from'], /argument missing/],
    [['up', '--', 'ls'], /up accepts nothing after `--`/],
    [['run', '--ask', '--', 'ls'], /--ask: the command reads the terminal/],
  ])('%j exits 2 and says what is wrong', async (args, message) => {
    const { code, stdout, stderr } = await runCli(args, { cwd: directoryWith() });
    expect(code, stderr).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error\[CLI_USAGE\]: .*\n {2}next: /);
  });

  it('is one JSON object with --format json', async () => {
    const { code, stderr } = await runCli(['imgaes', '--format', 'json'], { cwd: directoryWith() });
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ code: 'CLI_USAGE', at: null });
  });
});

it('gondolin alone prints help', async () => {
  const { code, stdout, stderr } = await runCli([], { cwd: directoryWith() });
  expect(code).toBe(0);
  expect(stdout + stderr).toContain('Usage: gondolin');
});

describe('gondolin init', () => {
  it('writes a file, and overwrites one only with --force', async () => {
    const cwd = directoryWith();
    const file = join(cwd, 'gondolin.yaml');
    expect(await runCli(['init'], { cwd })).toMatchObject({
      code: 0,
      stdout: 'Wrote gondolin.yaml. Next: gondolin run\n',
    });
    const starter = readFileSync(file, 'utf8');
    writeFileSync(file, 'mine');
    const refused = await runCli(['init'], { cwd });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('gondolin.yaml already exists');
    const { stderr } = await runCli(['init', '--format', 'json'], { cwd });
    expect(JSON.parse(stderr).code).toBe('CLI_FILE_EXISTS');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await runCli(['init', '--force'], { cwd })).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(starter);
  });

  it('writes what the repository needs, in a file that plan accepts', async () => {
    const cwd = directoryWith();
    writeFileSync(join(cwd, 'package.json'), '{"scripts":{"test":"node --test"}}');
    const { code, stdout } = await runCli(['init'], { cwd });
    expect([code, stdout]).toEqual([
      0,
      'Found package.json: Node.js with npm\nWrote gondolin.yaml. Next: gondolin plan\n',
    ]);
    const plan = await runCli(['plan'], { cwd });
    expect(plan.code, plan.stderr).toBe(0);
    expect(plan.stdout).toContain('test: npm test');
  });

  it('reports a directory that does not exist', async () => {
    const { code, stderr } = await runCli(['init', '-f', 'no/such/x.yaml'], {
      cwd: directoryWith(),
    });
    expect(code).toBe(2);
    expect(stderr).toContain('cannot write no/such/x.yaml: ENOENT');
  });
});

describe('an empty cache', () => {
  it('gondolin images reports it', async () => {
    const cwd = directoryWith();
    expect((await runCli(['images'], { cwd })).stdout).toContain('No images yet');
    expect((await runCli(['images', '--format', 'json'], { cwd })).stdout).toBe('[]\n');
  });

  it('gondolin prune frees nothing', async () => {
    const cwd = directoryWith();
    expect(await runCli(['prune'], { cwd })).toMatchObject({ code: 0, stdout: 'freed 0 B\n' });
    expect((await runCli(['prune', '--all', '--dry-run'], { cwd })).stdout).toBe(
      'would free 0 B\n',
    );
    const { stdout } = await runCli(['prune', '--format', 'json'], { cwd });
    expect(JSON.parse(stdout)).toMatchObject({ removed: [], freedBytes: 0 });
  });
});

describe('gondolin doctor', () => {
  it('lists each requirement and exits 1 with a fix when QEMU is missing', async () => {
    const cwd = directoryWith();
    const env = { PATH: cwd, GONDOLIN_ACCEL: 'tcg' };
    const { code, stdout } = await runCli(['doctor'], { cwd, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✔ Node\.js/m);
    expect(stdout).toMatch(/^✖ QEMU .*not found in PATH\n\s+fix: apt install qemu-system-x86$/m);
    expect(stdout).toContain('gondolin run cannot work yet');
    expect(stdout).not.toContain('\u001b');
  });

  it('gives the same as JSON', async () => {
    const cwd = directoryWith();
    const env = { PATH: cwd, GONDOLIN_ACCEL: 'tcg' };
    const { code, stdout } = await runCli(['doctor', '--format', 'json'], { cwd, env });
    expect(code).toBe(1);
    const { canRun, requirements } = JSON.parse(stdout);
    expect(canRun).toBe(false);
    expect(requirements).toContainEqual(
      expect.objectContaining({ name: 'QEMU', found: false, isFatal: true }),
    );
  });
});

it('colours errors with FORCE_COLOR and not without a terminal', async () => {
  const cwd = directoryWith();
  expect((await runCli(['imgaes'], { cwd })).stderr).not.toContain('\u001b[');
  expect((await runCli(['imgaes'], { cwd, env: { FORCE_COLOR: '1' } })).stderr).toContain(
    '\u001b[31m',
  );
});

it('a closed pipe does not crash it', async () => {
  const cwd = directoryWith();
  const child = spawn(process.execPath, ['--import', TSX, BIN, '--help'], { cwd });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'exit');
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

it('an output that cannot be written exits 125 with CLI_OUTPUT_FAILED', async () => {
  const cwd = directoryWith();
  const command = `exec "$0" --import "$1" "$2" doctor >/dev/full`;
  const child = spawn('sh', ['-c', command, process.execPath, TSX, BIN], { cwd });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  expect(/error\[(\w+)\]/.exec(stderr)?.[1]).toBe('CLI_OUTPUT_FAILED');
  expect(code).toBe(125);
});
