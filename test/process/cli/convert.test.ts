import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';

const COMPOSE = `services:
  web:
    image: node:22
    command: npm start
    environment: { API_KEY: hunter2 }
    volumes: ["./data:/data"]
    privileged: true
`;

function directoryWithCompose(): string {
  const cwd = directoryWith();
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'compose.yaml'), COMPOSE);
  return cwd;
}

describe('gondolin convert', () => {
  it('prints a project file that plan accepts, and lists what is missing with its line', async () => {
    const cwd = directoryWithCompose();
    const { code, stdout, stderr } = await runCli(['convert', 'compose.yaml'], { cwd });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^compose\.yaml:7: not carried over: services\.web\.privileged: /);
    expect(stderr).toMatch(
      /^compose\.yaml:5: in another form: services\.web\.environment\.API_KEY: /m,
    );
    expect(stdout + stderr).not.toContain('hunter2');
    writeFileSync(join(cwd, 'gondolin.yaml'), stdout);
    const plan = await runCli(['plan'], { cwd });
    expect(plan.code, plan.stderr).toBe(0);
    expect(plan.stdout).toContain('node:22');
  });

  it('writes to --output with paths relative to it, once', async () => {
    const cwd = directoryWithCompose();
    mkdirSync(join(cwd, 'ci'));
    const args = ['convert', 'compose.yaml', '-o', 'ci/gondolin.yaml', '--strict'];
    expect(await runCli(args, { cwd })).toMatchObject({ code: 1, stdout: '' });
    expect(readFileSync(join(cwd, 'ci/gondolin.yaml'), 'utf8')).toContain('../data:/data');
    const code = 'CLI_FILE_EXISTS';
    expect((await runCli(args, { cwd })).stderr).toContain(code);
    expect((await runCli([...args, '--force'], { cwd })).code).toBe(1);
  });

  it('converts a devcontainer.json', async () => {
    const cwd = directoryWith();
    mkdirSync(join(cwd, '.devcontainer'));
    const text = '{ "postCreateCommand": "true", /* no more */ }';
    writeFileSync(join(cwd, '.devcontainer/devcontainer.json'), text);
    const args = ['convert', '.devcontainer/devcontainer.json', '--strict'];
    const { code, stdout, stderr } = await runCli(args, { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('name: postCreateCommand\n    run: "true"\n');
  });

  it.each([
    ['gone.yaml', null, 'CONVERT_INPUT_UNREADABLE'],
    ['compose.yaml', 'services:\n  a: [\n', 'CONVERT_INPUT_INVALID'],
    ['Dockerfile', 'FROM x\n', 'CONVERT_INPUT_INVALID'],
  ])('refuses %s with exit code 2', async (file, text, code) => {
    const cwd = directoryWith();
    if (text !== null) writeFileSync(join(cwd, file), text);
    const outcome = await runCli(['convert', file, '--format', 'json'], { cwd });
    expect([outcome.code, JSON.parse(outcome.stderr).code]).toEqual([2, code]);
  });
});
