import { mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { fakeProgram } from '../../fixtures/fake-program.ts';
import { harProblems } from '../../fixtures/har-fields.ts';

const PROJECT = `name: shop
env: { API_TOKEN: , PLAIN: "1" }
network: { allowed_hosts: [a.test] }
steps: [ls]
`;
const VALUE = 'hunter2-not-for-print';
const env = { API_TOKEN: VALUE };

/** A project whose image directory is empty: a run ends before a VM starts. */
const NO_IMAGE = `images: { none: { path: . } }
image: none
steps: [ls]
`;

describe('gondolin plan with network options', () => {
  it('shows what --allow-host and --host-secret change, without the value', async () => {
    const cwd = directoryWith(PROJECT);
    const flags = ['--allow-host', 'b.test', '--allow-host=db.test:5432/tcp'];
    flags.push('--host-secret', 'API_TOKEN@api.test,*.api.test');
    const text = await runCli(['plan', ...flags], { cwd, env });
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toContain(
      '  network    a.test, b.test, db.test:5432/tcp, api.test, *.api.test\n',
    );
    expect(text.stdout).toContain(
      '  secret     API_TOKEN from variable API_TOKEN -> api.test, *.api.test\n',
    );
    const json = await runCli(['plan', '--format', 'json', ...flags], { cwd, env });
    const [sandbox] = JSON.parse(json.stdout).sandboxes;
    expect(sandbox.network.allowedHosts).toHaveLength(5);
    expect(sandbox.secrets[0].from).toEqual({ kind: 'env', variable: 'API_TOKEN' });
    expect(sandbox.vm.env).toEqual({ PLAIN: '1' });
    expect(text.stdout + json.stdout).not.toContain(VALUE);
  });

  it('prints no value of the environment without these flags either', async () => {
    const cwd = directoryWith(PROJECT);
    const { stdout } = await runCli(['plan', '--format', 'json'], { cwd, env });
    expect(JSON.parse(stdout).sandboxes[0].vm.env).toEqual({ API_TOKEN: '***', PLAIN: '1' });
  });

  it.each([
    [['--allow-host', 'https://b.test'], /--allow-host "https:\/\/b.test": it is a URL/],
    [['--host-secret', `TOKEN=${VALUE}@b.test`], /every user of this machine can read/],
    [['--host-secret', VALUE], /missing @hosts/],
  ])('%j is a mistake, and no value is shown', async (flags, want) => {
    const { code, stderr } = await runCli(['plan', ...flags], { cwd: directoryWith(PROJECT), env });
    expect(code).toBe(2);
    expect(stderr).toMatch(want);
    expect(stderr).not.toContain('hunter2');
  });
});

it('gondolin config shows network and secrets with their sources', async () => {
  const cwd = directoryWith('network: { on_blocked: fail }\nsecrets: [API_TOKEN@api.test]\n');
  const { stdout } = await runCli(['config', '--format', 'json'], { cwd, env });
  expect(JSON.parse(stdout).sandboxes[0]).toMatchObject({
    network: { mode: 'allowlist', allowedHosts: [], onBlocked: 'fail' },
    secrets: [{ name: 'API_TOKEN', hosts: ['api.test'] }],
  });
  expect(stdout).not.toContain(VALUE);
});

it('an inline secret of a project file is refused at its place, and never shown', async () => {
  const cwd = directoryWith(`secrets: [API_TOKEN=${VALUE}@api.test]\n`);
  for (const format of [[], ['--format', 'json']]) {
    const { code, stdout, stderr } = await runCli(['config', ...format], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/gondolin\.yaml(?::|","line":)1/);
    expect(stdout + stderr).not.toContain('hunter2');
  }
});

/** A PATH with a program of the name that `run` looks for before it does anything. */
function pathWithTools(cwd: string): string {
  const directory = join(cwd, 'bin');
  mkdirSync(directory);
  fakeProgram(directory, 'qemu-system-x86_64', 'exit 1');
  return `${directory}:${process.env['PATH'] ?? ''}`;
}

describe('gondolin run with files for its audit', () => {
  it('completes them, however the run ends', async () => {
    const cwd = directoryWith(NO_IMAGE);
    const args = ['run', '--events', 'events.jsonl', '--har', join(cwd, 'run.har')];
    const { code, stderr } = await runCli(args, { cwd, env: { PATH: pathWithTools(cwd) } });
    expect(stderr).toMatch(/error\[IMAGE_/);
    expect(code).not.toBe(0);
    expect(readFileSync(join(cwd, 'events.jsonl'), 'utf8')).toBe('');
    const har = JSON.parse(readFileSync(join(cwd, 'run.har'), 'utf8'));
    expect(harProblems(har)).toEqual([]);
    const { version } = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'),
    );
    expect(har.log.creator).toEqual({ name: 'gondolin', version });
    for (const name of ['events.jsonl', 'run.har']) {
      expect(statSync(join(cwd, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('reports before anything starts that a file cannot be written', async () => {
    const cwd = directoryWith(NO_IMAGE);
    const env = { PATH: pathWithTools(cwd) };
    symlinkSync(join(cwd, 'gondolin.yaml'), join(cwd, 'link.har'));
    for (const flags of [
      ['--events', 'no/such/dir'],
      ['--har', 'link.har'],
      ['--har', '/dev/null'],
    ]) {
      const { code, stderr } = await runCli(['run', ...flags], { cwd, env });
      expect(stderr).toContain('error[NET_AUDIT_UNUSABLE]');
      expect(code).toBe(2);
    }
    expect(readFileSync(join(cwd, 'gondolin.yaml'), 'utf8')).toBe(NO_IMAGE);
    const same = await runCli(['run', '--events', 'x', '--har', './x'], { cwd, env });
    expect(same).toMatchObject({ code: 2 });
    expect(same.stderr).toContain('same file');
  });
});
