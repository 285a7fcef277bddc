import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** One way to run `true` in a container of a busybox root. */
export interface PodmanPeer {
  readonly label: string;
  readonly args: readonly string[];
}

const BUSYBOX = '/bin/busybox';

/** The ways of podman that work here; none is told on the terminal, with how to get them. */
export function findPodman(directory: string): PodmanPeer[] {
  const root = join(directory, 'busybox-root');
  for (const part of ['bin', 'dev', 'proc', 'sys', 'etc', 'tmp', 'run'])
    mkdirSync(join(root, part), { recursive: true });
  try {
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  } catch {
    return tell('no /bin/busybox');
  }
  symlinkSync('busybox', join(root, 'bin/true'));
  const peers = [
    { label: 'podman run --rm', args: runArguments(root, []) },
    { label: 'podman run --rm --network none', args: runArguments(root, ['--network', 'none']) },
  ];
  const working = peers.filter(({ args }) => spawnSync('podman', args).status === 0);
  return working.length > 0 ? working : tell('podman does not run a container');
}

/** Container hosts without their own limits inherit the caller's, which runc may refuse to raise. */
function runArguments(root: string, network: readonly string[]): string[] {
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  return ['--runtime', 'runc', 'run', '--rm', ...limits, ...network, '--rootfs', root, 'true'];
}

function tell(why: string): PodmanPeer[] {
  console.log(
    `without the peer (${why}): apt-get install --no-install-recommends podman runc busybox-static\n`,
  );
  return [];
}
