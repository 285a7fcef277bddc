/** Left out of every package, also of those installed later in the guest. Licences stay. */
export const EXCLUDED_PATHS = [
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/lintian/*',
  '/usr/share/locale/*',
  '/usr/share/man/*',
] as const;
export const INCLUDED_PATHS = [
  '/usr/share/doc/*/copyright',
  '/usr/share/locale/locale.alias',
] as const;

const EXCLUDED = EXCLUDED_PATHS.map(toPattern);
const INCLUDED = INCLUDED_PATHS.map(toPattern);
/** The parts before the first wildcard, without a slash at their ends. */
const INCLUDED_BELOW = INCLUDED_PATHS.map((path) => (path.split('*')[0] ?? '').replace(/\/+$/, ''));

/** `*` also matches slashes, as dpkg has fnmatch(3) do it. */
function toPattern(path: string): RegExp {
  const parts = path.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

/**
 * Returns true for a path that dpkg, configured with these patterns, does not unpack. Directories, and links that may be of
 * directories, stay where something below them could be included.
 *
 * @param path  Absolute, without a slash at its end.
 * @see dpkg(1), --path-exclude
 */
export function isLeftOut(path: string, type: string): boolean {
  if (!EXCLUDED.some((pattern) => pattern.test(path))) return false;
  if (INCLUDED.some((pattern) => pattern.test(path))) return false;
  if (type !== 'directory' && type !== 'symlink') return true;
  return !INCLUDED_BELOW.some((prefix) => path.startsWith(prefix));
}
