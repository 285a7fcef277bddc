import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';

export const ROOT = resolve(import.meta.dirname, '../../..');
export const TSX = resolve(ROOT, 'node_modules/tsx/dist/esm/index.mjs');
export const BIN = resolve(ROOT, 'src/cli/bin.ts');

export interface CliOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty directory that goes with the test; with a `gondolin.yaml` when its text is given. */
export function directoryWith(yaml?: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  if (yaml !== undefined) writeFileSync(join(directory, 'gondolin.yaml'), yaml);
  return directory;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
}

/** Runs the real CLI with a cache and state of its own, below `cwd`. */
export function runCli(args: readonly string[], options: CliOptions): Promise<CliOutcome> {
  const { cwd, nodeArguments = [] } = options;
  const { PATH = '', HOME = cwd } = process.env;
  const env = {
    PATH,
    HOME,
    XDG_CACHE_HOME: join(cwd, 'cache'),
    XDG_STATE_HOME: join(cwd, 'state'),
    ...options.env,
  };
  const argv = ['--import', TSX, ...nodeArguments, BIN, ...args];
  return new Promise((done) => {
    const child = execFile(process.execPath, argv, { cwd, env }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
    child.stdin?.end();
  });
}
