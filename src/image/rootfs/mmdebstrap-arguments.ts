import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import { KERNEL_META_PACKAGE } from '../kernel/module-roots.ts';
import { BASE_PACKAGES } from './base-packages.ts';

/** Left out of every package, also of those installed later in the guest. Licences stay. */
const EXCLUDED_PATHS = [
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/lintian/*',
  '/usr/share/locale/*',
  '/usr/share/man/*',
];
const INCLUDED_PATHS = ['/usr/share/doc/*/copyright', '/usr/share/locale/locale.alias'];

const DPKG_OPTIONS = [
  ...EXCLUDED_PATHS.map((path) => `path-exclude=${path}`),
  ...INCLUDED_PATHS.map((path) => `path-include=${path}`),
  // The guest's disk is lost at its end: syncing it for each package is wasted time.
  'force-unsafe-io',
];
const DPKG_CONFIGURATION = '"$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"';

/**
 * mmdebstrap extracts the essential packages before it has dpkg install them. Given these options it filters what it extracts by a
 * Python program for each package, a fifth of a build's processor time. So dpkg alone gets them, and what it leaves out is removed first.
 */
const CONFIGURE_DPKG = [
  `(cd "$1" && rm -rf ${EXCLUDED_PATHS.map((path) => `.${path}`).join(' ')})`,
  `printf '%s\\n' ${shellQuoteArgs(DPKG_OPTIONS)} > ${DPKG_CONFIGURATION}`,
].join(' && ');

// Some packages' scripts fail when the directories of their manual pages are missing.
const MAKE_MANUAL_DIRECTORIES =
  'for section in 1 2 3 4 5 6 7 8; do mkdir -p "$1/usr/share/man/man$section"; done';

// resolv.conf and hostname are copies of the host's; apt's options hold the host's proxies.
const REPLACE_HOST_FILES = [
  'rm -rf "$1/etc/resolv.conf" "$1/etc/hostname" "$1/etc/apt/sources.list.d"/*',
  'rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"',
  'umask 022',
  'cp -R --no-preserve=all "$GONDOLIN_GUEST_FILES/." "$1/"',
].join(' && ');

// As the kernel's package would do it: depmod makes the lists that modprobe, and the kernel through it, looks into.
const ADD_MODULES = [
  'umask 022',
  'mkdir -p "$1/lib/modules"',
  'cp -R --no-preserve=all "$GONDOLIN_MODULES" "$1/lib/modules/"',
  'chroot "$1" depmod "$(basename "$GONDOLIN_MODULES")"',
].join(' && ');

const UNPACK_BASE = '"$GONDOLIN_UNSQUASHFS" -quiet -no-progress -force -dest "$1" "$GONDOLIN_BASE"';

/**
 * One run for all. The base may be older than the lists: its packages get the updates that a new one would have. mmdebstrap itself would
 * extract each package that is added before it has dpkg install it, which only the first ones of a system need.
 */
const addToBase = (packages: readonly string[]): string =>
  [
    "echo 'I: downloading packages with apt...' >&2 &&",
    'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --yes',
    ...['Dir::Bin::dpkg=env', 'DPkg::Options::=--unset=TMPDIR', 'DPkg::Options::=dpkg'].map(
      (option) => `-o ${option}`,
    ),
    '-o DPkg::Chroot-Directory="$1"',
    `dist-upgrade ${shellQuoteArgs(packages)}`,
  ].join(' ');

/** As mmdebstrap does it by two runs of apt. */
const REMOVE_APT_FILES = [
  'rm -rf "$1/var/lib/apt/lists/auxfiles"',
  'find "$1/var/lib/apt/lists" "$1/var/cache/apt" -type f ! -name lock -delete',
].join(' && ');

/** The package that loads modules; the kernel calls it by itself, e.g. for the first bridge. */
const MODULE_LOADER = 'kmod';

export interface RootfsRecipe {
  /** Code name, e.g. `bookworm`. */
  readonly release: string;
  /** Debian's name, e.g. `amd64`. */
  readonly architecture: string;
  readonly packages: readonly string[];
  /** True if GONDOLIN_MODULES in the environment names a directory `lib/modules/RELEASE` to include. */
  readonly hasModules: boolean;
  /** Directory that is made and filled. */
  readonly rootPath: string;
  /** apt source list on this host. */
  readonly sourceListPath: string;
  /** Lines of apt configuration, for the build only. */
  readonly aptOptions: readonly string[];
  /** Directories of hooks that come with mmdebstrap. */
  readonly hookDirectories: readonly string[];
  /**
   * True if packages are added to a root file system made before: GONDOLIN_BASE in the environment names its squashfs,
   * GONDOLIN_UNSQUASHFS the program that unpacks it.
   */
  readonly hasBase: boolean;
}

/** Returns the names that are installed, sorted: the rest comes with the base and by dependencies. */
export function includedPackages({
  packages,
  hasModules,
}: Pick<RootfsRecipe, 'packages' | 'hasModules'>): string[] {
  const wanted = hasModules ? [...packages, MODULE_LOADER] : packages;
  return [...new Set([...BASE_PACKAGES, ...wanted])]
    .filter((name) => name !== KERNEL_META_PACKAGE)
    .toSorted();
}

/**
 * Arguments of mmdebstrap that make the root file system in a directory. Pure.
 * The environment must hold GONDOLIN_GUEST_FILES: a directory that is copied over the result.
 */
export function buildMmdebstrapArguments(recipe: RootfsRecipe): string[] {
  const packages = includedPackages(recipe);
  const { hasBase } = recipe;
  return [
    '--mode=root',
    // `custom` installs what is included, and nothing else.
    `--variant=${hasBase ? 'custom' : 'minbase'}`,
    '--format=directory',
    '--skip=cleanup/apt',
    '--verbose',
    `--architectures=${recipe.architecture}`,
    ...(hasBase ? [] : [`--include=${packages.join(',')}`]),
    ...recipe.aptOptions.map((option) => `--aptopt=${option}`),
    ...(hasBase
      ? [`--setup-hook=${UNPACK_BASE}`, `--customize-hook=${addToBase(packages)}`]
      : [
          ...recipe.hookDirectories.map((directory) => `--hook-dir=${directory}`),
          `--extract-hook=${CONFIGURE_DPKG} && ${MAKE_MANUAL_DIRECTORIES}`,
        ]),
    ...(recipe.hasModules ? [`--customize-hook=${ADD_MODULES}`] : []),
    `--customize-hook=${REPLACE_HOST_FILES}`,
    `--customize-hook=${REMOVE_APT_FILES}`,
    recipe.release,
    recipe.rootPath,
    recipe.sourceListPath,
  ];
}
