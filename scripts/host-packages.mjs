// Debian packages that a checkout needs on its host.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { start } from './run.mjs';

/** Debian package that brings each program. `runtime` is what a user of the CLI needs as well. */
const RUNTIME_TOOLS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  mmdebstrap: 'mmdebstrap',
  sqfstar: 'squashfs-tools',
  xz: 'xz-utils',
  setpriv: 'util-linux',
  'mkfs.ext4': 'e2fsprogs',
};
/** What building an image takes in addition where the user is not root. */
const ROOTLESS_TOOLS = { newuidmap: 'uidmap' };
const BUILD_TOOLS = { make: 'make', gcc: 'gcc', 'musl-gcc': 'musl-tools' };
const TEST_TOOLS = {
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu',
  git: 'git',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  rsync: 'rsync',
  nginx: 'nginx-light',
  tinyproxy: 'tinyproxy-bin',
  microsocks: 'microsocks',
  tmux: 'tmux',
  sqlite3: 'sqlite3',
  fio: 'fio',
  tar: 'tar',
  bindfs: 'bindfs',
  cpio: 'cpio',
  codespell: 'codespell',
  'clang-format': 'clang-format',
  zstd: 'zstd',
  busybox: 'busybox-static',
  umoci: 'umoci',
  skopeo: 'skopeo',
  buildah: 'buildah',
  'docker-registry': 'docker-registry',
};
/** Files instead of programs: headers that gcc alone does not bring. */
const BUILD_FILES = {
  '/usr/include/linux/fuse.h': 'linux-libc-dev',
  '/usr/include/stdio.h': 'libc6-dev',
};

/** What the package's agent for arm64 guests is linked with. */
const TEST_FILES = { '/usr/aarch64-linux-gnu/lib/libc.a': 'libc6-dev-arm64-cross' };

export function hasProgram(name) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Packages of what is not here, once each. */
function missingOf(tools, files) {
  const wanted = [
    ...Object.entries(tools).filter(([tool]) => !hasProgram(tool)),
    ...Object.entries(files).filter(([file]) => !existsSync(file)),
  ];
  return [...new Set(wanted.map(([, debianPackage]) => debianPackage))];
}

/** Packages that are missing for building and running gondolin. */
export function missingPackages() {
  const rootless = process.getuid?.() === 0 ? {} : ROOTLESS_TOOLS;
  return missingOf({ ...RUNTIME_TOOLS, ...rootless, ...BUILD_TOOLS }, BUILD_FILES);
}

/** Packages that are missing for tests alone. */
export function missingTestPackages() {
  return missingOf(TEST_TOOLS, TEST_FILES);
}

/** Installs the packages of the programs that are not here. @param tools  Debian package that brings each program. */
export async function installMissing(tools) {
  await installHostPackages(missingOf(tools, {}));
}

/** apt's lists are fetched once for all that this process installs. */
let isUpdated = false;

/** Installs Debian packages, if any, as root or by sudo. The process ends when that fails. @param isQuiet  Shows apt's output only then. */
export async function installHostPackages(packages, { isQuiet = false } = {}) {
  if (packages.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  const isRoot = process.getuid?.() === 0;
  const canSudo =
    hasProgram('sudo') && (process.stdin.isTTY || spawnSync('sudo', ['-n', 'true']).status === 0);
  if (!hasProgram('apt-get') || !(isRoot || canSudo)) {
    console.error(`setup: these host packages are missing: ${packages.join(' ')}`);
    console.error('setup: neither root nor sudo is here to install them. On Debian type, as root:');
    console.error(`  apt-get update && apt-get ${install.join(' ')}`);
    process.exit(1);
  }
  console.log(`setup: installing host packages: ${packages.join(' ')}`);
  const aptGet = (...args) =>
    start(isRoot ? 'env' : 'sudo', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args], {
      isQuiet,
      mustFinish: true,
    });
  if (!isUpdated) await aptGet('update');
  isUpdated = true;
  await aptGet(...install);
}
