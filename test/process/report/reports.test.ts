import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeReport } from '../../../src/report/write-report.ts';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const PROJECT = 'steps: [{ run: "true" }]\n';

it('run refuses a report that cannot be written before it starts anything', async () => {
  const cwd = directoryWith(PROJECT);
  mkdirSync(join(cwd, 'taken'));
  writeFileSync(join(cwd, 'file'), '');
  for (const args of [
    ['--junit', 'missing/results.xml'],
    ['--report', 'taken'],
    ['--report', 'file/results.html'],
  ]) {
    const { code, stderr, stdout } = await runCli(['run', '--format', 'json', ...args], { cwd });
    expect(code, stderr).toBe(2);
    expect(JSON.parse(stderr).code).toBe('REPORT_UNUSABLE');
    expect(stdout).toBe('');
  }
  const same = await runCli(['run', '--junit', 'x', '--report', './x'], { cwd });
  expect(same.stderr).toContain('error[CLI_USAGE]: --junit and --report name the same file');
});

it('writeReport() replaces a file whole and leaves no other', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'report.html');
  writeFileSync(path, 'old and longer');
  await writeReport(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(directory)).toEqual(['report.html']);
});

it('writeReport() rejects with REPORT_FAILED and leaves nothing when its directory is gone', async () => {
  const directory = join(temporaryDirectory(), 'gone');
  mkdirSync(directory);
  rmSync(directory, { recursive: true });
  await expect(writeReport(join(directory, 'report.html'), 'x')).rejects.toMatchObject({
    code: 'REPORT_FAILED',
  });
});
