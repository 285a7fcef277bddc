// Makes a fresh Debian machine ready: npm packages, host packages, the guest agent, the compiled CLI.
// Needs nothing but Node: no import from node_modules. Every step says what it does and is skipped when done.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

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

function missingPackages(forTests) {
  const tools = {
    ...RUNTIME_TOOLS,
    ...(process.getuid?.() === 0 ? {} : ROOTLESS_TOOLS),
    ...BUILD_TOOLS,
    ...(forTests ? TEST_TOOLS : {}),
  };
  const names = Object.entries(tools).filter(([tool]) => !hasProgram(tool));
  const wanted = { ...BUILD_FILES, ...(forTests ? TEST_FILES : {}) };
  const files = Object.entries(wanted).filter(([file]) => !existsSync(file));
  return [...new Set([...names, ...files].map(([, debianPackage]) => debianPackage))];
}

/** Runs a command with its output shown; ends this process when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    console.error(
      `setup: \`${[command, ...args].join(' ')}\` ended with ${result.signal ?? result.status}`,
    );
    process.exit(result.status ?? 1);
  }
}

/** Installs the packages of the programs that are not here. @param tools  Debian package that brings each program. */
export function installMissing(tools) {
  const missing = Object.entries(tools).filter(([tool]) => !hasProgram(tool));
  if (missing.length > 0) installHostPackages([...new Set(missing.map(([, name]) => name))]);
}

export function installHostPackages(packages) {
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
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (args) =>
    isRoot
      ? run('apt-get', ['-q', ...args], { env })
      : run('sudo', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args], { env });
  aptGet(['update']);
  aptGet(install);
}

function hashFiles(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(path).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

function listFiles(directory) {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** Tells whether a step already ran for the same input files, and keeps that it did. */
function stampOf(name, inputs, output) {
  const path = join(ROOT, 'node_modules', '.gondolin', name);
  const digest = hashFiles(inputs);
  return {
    isFresh: existsSync(output) && existsSync(path) && readFileSync(path, 'utf8') === digest,
    write() {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, digest);
    },
  };
}

/** Runs `action` unless the stamp says that it already ran for the same input files and its output is there. */
function unlessUnchanged(stampName, inputs, output, action) {
  const stamp = stampOf(stampName, inputs, output);
  if (stamp.isFresh) return;
  action();
  stamp.write();
}

/**
 * Builds the guest agent and dist/, each unless its sources are those of the last build.
 * @param withJs  Builds gondolin-js too, which takes half a minute.
 */
export function buildIfChanged({ withJs = false } = {}) {
  const guestSources = listFiles(join(ROOT, 'guest')).filter((path) => !path.includes('/build/'));
  const [stampName, output, targets] = withJs
    ? ['guest-js', 'guest/build/gondolin-js', ['all', 'js']]
    : ['guest', 'guest/build/gondolin-agent', ['all']];
  unlessUnchanged(stampName, guestSources, join(ROOT, output), () => {
    console.log(`setup: building the guest's programs (make -C guest ${targets.join(' ')})`);
    run('make', ['-s', `-j${availableParallelism()}`, '-C', 'guest', ...targets]);
  });
  const sources = ['src', 'schema', 'scripts'].flatMap((name) => listFiles(join(ROOT, name)));
  unlessUnchanged('dist', sources, join(ROOT, 'dist/cli/bin.js'), () => {
    console.log('setup: building dist/ (esbuild)');
    run('npm', ['run', '--silent', 'build']);
  });
}

/** Starts `npm ci` unless the packages are those of the lock file. */
function startNpmInstall() {
  const lockfile = join(ROOT, 'package-lock.json');
  const stamp = stampOf('npm', [lockfile], join(ROOT, 'node_modules', 'typescript'));
  if (stamp.isFresh) return Promise.resolve();
  console.log('setup: installing npm packages (npm ci)');
  const child = spawn('npm', ['ci', '--no-fund', '--no-audit'], { cwd: ROOT, stdio: 'inherit' });
  const kill = () => child.kill();
  process.once('exit', kill);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('exit', kill);
      if (code !== 0) {
        console.error(`setup: \`npm ci\` ended with ${signal ?? code}`);
        process.exit(code ?? 1);
      }
      stamp.write();
      resolve();
    });
  });
}

/** Everything a checkout needs before its CLI, demo, bench or tests can run. npm and apt download at the same time. */
export async function setup({ forTests = false, withJs = forTests } = {}) {
  const npmInstall = startNpmInstall();
  const packages = missingPackages(forTests);
  if (packages.length > 0) installHostPackages(packages);
  await npmInstall;
  buildIfChanged({ withJs });
}
