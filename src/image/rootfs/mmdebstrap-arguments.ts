import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import { KERNEL_META_PACKAGE } from '../kernel/module-roots.ts';
import { BASE_PACKAGES } from './base-packages.ts';
import { SET_UP_PACKAGES } from './set-up-packages.ts';

const UNPACK_ARCHIVE =
  'tar --extract --same-permissions --numeric-owner --keep-directory-symlink --directory="$1"';

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
  /**
   * True if packages are added to a root file system made before: GONDOLIN_BASE in the environment names its squashfs,
   * GONDOLIN_UNSQUASHFS the program that unpacks it. False for a base itself, whose archive comes on the standard input.
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
    // `custom` installs nothing by itself.
    '--variant=custom',
    '--format=directory',
    '--skip=cleanup/apt',
    '--verbose',
    `--architectures=${recipe.architecture}`,
    ...recipe.aptOptions.map((option) => `--aptopt=${option}`),
    ...(hasBase
      ? [`--setup-hook=${UNPACK_BASE}`, `--customize-hook=${addToBase(packages)}`]
      : [
          // apt has nothing to do.
          '--skip=update',
          `--setup-hook=${UNPACK_ARCHIVE}`,
          `--customize-hook=${SET_UP_PACKAGES}`,
        ]),
    ...(recipe.hasModules ? [`--customize-hook=${ADD_MODULES}`] : []),
    `--customize-hook=${REPLACE_HOST_FILES}`,
    `--customize-hook=${REMOVE_APT_FILES}`,
    recipe.release,
    recipe.rootPath,
    recipe.sourceListPath,
  ];
}
