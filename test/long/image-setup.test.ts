import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImage } from '../../src/image/ensure-image.ts';
import type { BaseRecipe } from '../../src/plan/plan.ts';
import { setUpInVm } from '../../src/vm/image-setup/set-up-in-vm.ts';
import { BUILT_BIN, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { hostRelease } from '../fixtures/workload-image.ts';
import { testEnvironment } from '../test-environment.ts';

/** Every name of a root with its type, mode, owner and size, but not that of directories. */
function listing(rootfsPath: string): string[] {
  const list = execFileSync('unsquashfs', ['-lln', rootfsPath], {
    ...{ encoding: 'utf8', maxBuffer: 2 ** 28 },
  });
  return list.split('\n').flatMap((line) => {
    const [, kind = '', owner = '', size = '', name = ''] =
      /^(\S{10}) (\d+\/\d+)\s+(\S+) \S+ \S+ squashfs-root(.*)$/.exec(line) ?? [];
    // The guest mounts file systems of its own there.
    const isHidden = kind === '' || /^\/(?:dev|run)\//.test(name);
    return isHidden ? [] : [[kind, owner, kind.startsWith('d') ? '' : size, name].join(' ')];
  });
}

it('a setup that changes nothing gives the root of Debian again, and the same bytes twice', async () => {
  const options = {
    cacheDirectory: resolveDirectories(testEnvironment).cache,
    ...{ agentPath: guestAgentPath(), setUp: setUpInVm },
  };
  const base: BaseRecipe = {
    kind: 'debian',
    ...{ arch: 'x86_64', release: hostRelease(), packages: [], mirror: null },
  };
  const network = { allowedHosts: [], allowedPrivate: [], extraHosts: [] };
  const withCommand = async (command: string) => {
    const setup = { copy: [], commands: [command], network };
    return ensureImage({ kind: 'setup', base, setup }, options);
  };
  const original = await ensureImage(base, options);
  const marker = Math.random();
  const [once, twice] = [await withCommand(`: ${marker}`), await withCommand(`: ${marker} again`)];
  try {
    const before = listing(original.rootfsPath);
    expect(before.length).toBeGreaterThan(3000);
    expect(listing(once.rootfsPath)).toEqual(before);
    const digest = (path: string) =>
      execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
    expect(digest(twice.rootfsPath)).toBe(digest(once.rootfsPath));
  } finally {
    for (const image of [original, once, twice]) await image.release();
  }
});

/** Names of half-written entries of a process in the cache, and processes that it left. */
function leftOf(pid: number): string[] {
  const rootfs = join(resolveDirectories(testEnvironment).cache, 'images/rootfs');
  const entries = readdirSync(rootfs).filter((name) => name.includes(`-${pid}-`));
  const processes = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return new RegExp(`^PPid:\\t${pid}$`, 'm').test(readFileSync(`/proc/${name}/status`, 'utf8'));
    } catch {
      return false;
    }
  });
  return [...entries, ...processes];
}

it('a build that is interrupted or killed during a setup leaves no directory, and the next one is right', async () => {
  const cwd = directoryWith();
  const config = (command: string) => ({
    postBuild: { commands: [`echo ready here; ${command}`] },
  });
  writeFileSync(join(cwd, 'waits.json'), JSON.stringify(config('sleep 600')));
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const) {
    const args = [BUILT_BIN, 'build', '--config', 'waits.json', '--output', 'assets'];
    const env = { ...process.env, CI: '1', NO_COLOR: '1' };
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const pid = child.pid ?? 0;
    const closed = once(child, 'close');
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('ready here') && !line.includes('setup 1')) child.kill(signal);
    }
    const [code] = await closed;
    expect(code).toBe(exitCode);
    expect(existsSync(join(cwd, 'assets'))).toBe(false);
    if (signal === 'SIGINT') expect(leftOf(pid)).toEqual([]);
  }
  writeFileSync(join(cwd, 'ends.json'), JSON.stringify(config('echo done > /etc/done')));
  const again = await runBuiltCli(['build', '--config', 'ends.json', '--output', 'assets'], {
    cwd,
  });
  expect(again.code, again.all).toBe(0);
  expect(readdirSync(cwd).filter((name) => name.startsWith('tmp-'))).toEqual([]);
  const verified = await runBuiltCli(['build', '--verify', 'assets'], { cwd });
  expect(verified.code, verified.all).toBe(0);
});
