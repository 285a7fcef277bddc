import { GondolinError } from '../../errors/gondolin-error.ts';
import { findTool } from '../../host/tools.ts';

/** Programs of an image build, and the Debian package that brings each. */
const PACKAGES = {
  'apt-cache': 'apt',
  'apt-config': 'apt',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  mmdebstrap: 'mmdebstrap',
  newgidmap: 'uidmap',
  newuidmap: 'uidmap',
  setpriv: 'util-linux',
  sqfstar: 'squashfs-tools',
  unshare: 'util-linux',
  unsquashfs: 'squashfs-tools',
  xz: 'xz-utils',
  zstd: 'zstd',
} as const satisfies Record<string, string>;

export type BuildTool = keyof typeof PACKAGES;

/** The directories of root's programs, often not in a user's PATH. Also the PATH that the tools get. */
export const BUILD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Absolute paths of the programs. All that are missing come in one error.
 *
 * @param purpose  What they are for, as the rest of a sentence: `build the root file system`.
 * @throws {GondolinError} IMAGE_TOOL_MISSING with the one apt command that brings all of them.
 */
export function requireBuildTools<T extends BuildTool>(
  names: readonly T[],
  purpose: string,
  path = BUILD_PATH,
): Record<T, string> {
  const missing: T[] = [];
  const found: [T, string][] = [];
  for (const name of names) {
    const tool = findTool(name, { PATH: path });
    if (tool === null) missing.push(name);
    else found.push([name, tool.path]);
  }
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PACKAGES[name]))].toSorted().join(' ');
    throw new GondolinError(
      'IMAGE_TOOL_MISSING',
      `Cannot ${purpose}: ${missing.map((name) => `'${name}'`).join(', ')} not found in ${path}`,
      {
        hint: `Install with: sudo apt-get install ${packages}`,
        details: { tools: missing.join(' '), packages },
      },
    );
  }
  return Object.fromEntries(found) as Record<T, string>;
}
