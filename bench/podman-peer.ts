import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** One way to run `true` in a container of a busybox root. */
export interface PodmanPeer {
  readonly label: string;
  readonly args: readonly string[];
}

const BUSYBOX = '/bin/busybox';

/** Makes the root of a container. Undefined without a busybox. */
function makeRoot(directory: string): string | undefined {
  const root = join(directory, 'busybox-root');
  for (const part of ['bin', 'dev', 'proc', 'sys', 'etc', 'tmp', 'run'])
    mkdirSync(join(root, part), { recursive: true });
  try {
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  } catch {
    return undefined;
  }
  for (const name of ['true', 'sleep']) symlinkSync('busybox', join(root, 'bin', name));
  return root;
}

/** The ways of podman that work here; none is told on the terminal, with how to get them. */
export function findPodman(directory: string): PodmanPeer[] {
  const root = makeRoot(directory);
  if (root === undefined) return tell('no /bin/busybox');
  const peers = [
    { label: 'podman run --rm', args: runArguments(root, []) },
    { label: 'podman run --rm --network none', args: runArguments(root, ['--network', 'none']) },
  ];
  const working = peers.filter(({ args }) => spawnSync('podman', args).status === 0);
  return working.length > 0 ? working : tell('podman does not run a container');
}

/** A container that runs until it is removed. Undefined, and told on the terminal, where podman starts none. */
export function startPodmanContainer(
  directory: string,
): { id: string; remove(): void } | undefined {
  const root = makeRoot(directory);
  const args = runArguments(root ?? '', ['--network', 'none', '--detach'], ['sleep', '1d']);
  const { status, stdout } = spawnSync('podman', args, { encoding: 'utf8' });
  if (root === undefined || status !== 0) {
    tell(root === undefined ? 'no /bin/busybox' : 'podman does not run a container');
    return undefined;
  }
  const id = stdout.trim();
  return { id, remove: () => void spawnSync('podman', ['rm', '--force', '--time', '0', id]) };
}

/** Container hosts without their own limits inherit the caller's, which runc may refuse to raise. */
function runArguments(
  root: string,
  options: readonly string[],
  command: readonly string[] = ['true'],
): string[] {
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  return ['--runtime', 'runc', 'run', '--rm', ...limits, ...options, '--rootfs', root, ...command];
}

function tell(why: string): PodmanPeer[] {
  console.log(
    `without the peer (${why}): apt-get install --no-install-recommends podman runc busybox-static\n`,
  );
  return [];
}
