import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { findUnknownPackage } from '../debian/apt-messages.ts';
import { readAptTransport } from '../debian/apt-session.ts';
import { type AptSource, formatGuestSourceList, formatSourceList } from '../debian/apt-source.ts';
import type { DownloadedBase } from '../debian/unpack/download-base.ts';
import { type RunToolsOptions, runTools, type ToolCommand } from '../process/run-tools.ts';
import { SAFE_SQFSTAR_OPTIONS } from '../process/sqfstar-options.ts';
import { requireBuildTools } from '../process/tool.ts';
import { SOURCE_DATE_EPOCH } from '../source-date.ts';
import { archivedRoot, encodeDevices } from './archive-root.ts';
import { type Builder, isolateBuild } from './isolation.ts';
import { buildMmdebstrapArguments } from './mmdebstrap-arguments.ts';
import { ProgressReader } from './mmdebstrap-progress.ts';

export interface RootfsBuildOptions extends Omit<RunToolsOptions, 'onLine'> {
  readonly release: string;
  readonly arch: 'x86_64' | 'aarch64';
  readonly packages: readonly string[];
  /** A directory `lib/modules/RELEASE` to put in; null for none. */
  readonly modules: string | null;
  /**
   * Gives what packages are added to: a squashfs of the same release, or a base that is to be set up, without packages. Called once
   * it is known that this machine can build.
   */
  readonly prepareBase: () => Promise<string | DownloadedBase>;
  /** Those of the guest. */
  readonly sources: readonly AptSource[];
  /** Where the packages come from; null for `sources`. */
  readonly installFrom: readonly AptSource[] | null;
  readonly builder: Builder;
  /** Directory of the entry; receives `rootfs.squashfs`. */
  readonly target: string;
  readonly onPhase: (phase: string, message: string, fraction: number) => void;
}

const SQUASHFS_OPTIONS = [
  '-comp',
  'lz4',
  ...SAFE_SQFSTAR_OPTIONS,
  // sqfstar makes the root directory itself; without this it is writable for everybody.
  ...['-root-mode', '755'],
  '-no-progress',
];

const GUEST_FILES: Readonly<Record<string, string>> = {
  'etc/apt/apt.conf.d/90gondolin': 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n',
  'etc/hostname': 'gondolin\n',
  'etc/hosts':
    '127.0.0.1 localhost gondolin\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n',
  // Empty means uninitialised (machine-id(5)): each guest is a machine of its own.
  'etc/machine-id': '',
  'etc/resolv.conf': '',
};

/**
 * Makes the rootfs entry: mmdebstrap makes a tree in `cwd`, and sqfstar turns an archive of it into a squashfs as it comes.
 * `cwd` holds the working files; the caller removes it.
 *
 * @throws {GondolinError} IMAGE_TOOL_MISSING, IMAGE_BUILD_UNPRIVILEGED, IMAGE_ARCH_UNSUPPORTED, IMAGE_PACKAGE_UNKNOWN,
 * IMAGE_BUILD_FAILED.
 */
export async function buildRootfs(options: RootfsBuildOptions): Promise<void> {
  if (options.arch !== 'x86_64') {
    throw new GondolinError(
      'IMAGE_ARCH_UNSUPPORTED',
      `Cannot install Debian's packages for ${options.arch} on this machine: their scripts are programs of that processor`,
      { details: { arch: options.arch } },
    );
  }
  const tools = requireBuildTools(
    ['mmdebstrap', 'sqfstar', 'unsquashfs'],
    'build the root file system',
  );
  const { isolated, asRoot } = await isolateBuild(options.builder, options.signal);
  const base = await options.prepareBase();
  const sourceListPath = join(options.cwd, 'sources.list');
  const { sources, installFrom } = options;
  await writeFile(sourceListPath, formatSourceList(installFrom ?? sources), { mode: 0o600 });
  const guestFiles = await writeGuestFiles(options);
  const devices = join(options.cwd, 'devices.tar');
  await writeFile(devices, encodeDevices(SOURCE_DATE_EPOCH));
  const rootPath = join(options.cwd, 'root');
  const args = buildMmdebstrapArguments({
    release: options.release,
    architecture: 'amd64',
    packages: options.packages,
    hasModules: options.modules !== null,
    rootPath,
    sourceListPath,
    aptOptions: await readAptTransport(options.signal),
    hasBase: typeof base === 'string',
  });
  const output = join(options.target, 'rootfs.squashfs');
  await runReported(
    [
      buildCommand('mmdebstrap', [
        ...isolated,
        ...archivedRoot(rootPath, [tools.mmdebstrap, ...args]),
      ]),
      buildCommand('sqfstar', [...asRoot, tools.sqfstar, ...SQUASHFS_OPTIONS, output]),
    ],
    base,
    {
      ...options,
      ...(typeof base === 'string' ? {} : { input: base.unpack }),
      environment: {
        ...options.environment,
        SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
        TMPDIR: options.cwd,
        GONDOLIN_DEVICES: devices,
        GONDOLIN_GUEST_FILES: guestFiles,
        ...(typeof base === 'string'
          ? { GONDOLIN_BASE: base, GONDOLIN_UNSQUASHFS: tools.unsquashfs }
          : {}),
        ...(options.modules === null ? {} : { GONDOLIN_MODULES: options.modules }),
      },
    },
  );
}

function buildCommand(name: string, [file = '', ...args]: readonly string[]): ToolCommand {
  return { name, file, args };
}

async function runReported(
  commands: Parameters<typeof runTools>[0],
  base: string | DownloadedBase,
  options: RootfsBuildOptions,
): Promise<void> {
  const reader = new ProgressReader(typeof base === 'string' ? 0 : base.packageCount);
  if (typeof base === 'string') options.onPhase('lists', 'reading package lists', 0);
  const unknown = new Set<string>();
  const onLine = (line: string): void => {
    const name = findUnknownPackage(line);
    if (name !== null) unknown.add(name);
    const progress = reader.read(line);
    if (progress !== null) options.onPhase(progress.phase, progress.message, progress.fraction);
  };
  try {
    await runTools(commands, { ...options, onLine });
  } catch (cause) {
    if (unknown.size === 0 || options.signal.aborted) throw cause;
    const names = [...unknown].map((name) => `'${name}'`).join(', ');
    throw new GondolinError(
      'IMAGE_PACKAGE_UNKNOWN',
      `Cannot build the image: Debian '${options.release}' has no package ${names}`,
      { cause, details: { packages: [...unknown].join(' '), logPath: options.logPath } },
    );
  }
}

async function writeGuestFiles(options: RootfsBuildOptions): Promise<string> {
  const directory = join(options.cwd, 'guest-files');
  const files = {
    ...GUEST_FILES,
    'etc/apt/sources.list': formatGuestSourceList(options.sources),
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}
