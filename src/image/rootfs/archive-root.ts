import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import { encodeLayerEntry } from '../oci/layer/tar-writer.ts';

/**
 * Runs a command that makes a directory, `$1`, and writes that as an archive to stdout, after the file $GONDOLIN_DEVICES. mmdebstrap would write
 * the archive itself, copied by Perl, which takes a tenth of a build's processor time.
 */
const SCRIPT = `
root=$1
shift
"$@" >&2 && echo 'I: creating tarball...' >&2 && cat "$GONDOLIN_DEVICES" &&
  tar --create --sort=name "--mtime=@$SOURCE_DATE_EPOCH" --clamp-mtime --numeric-owner --one-file-system --format=pax \\
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --xattrs --exclude=./dev --directory="$root" .
code=$?
rm -rf --one-file-system "$root"
exit $code
`;

/** Words for a command that makes `root`, a directory that is removed afterwards. */
export function archivedRoot(root: string, command: readonly string[]): string[] {
  return ['/bin/sh', '-c', SCRIPT, 'sh', root, ...command];
}

type Device = readonly [name: string, type: LayerEntry['type'], more?: Partial<LayerEntry>];

const device = (name: string, major: number, minor: number): Device => [
  name,
  'character',
  { mode: 0o666, major, minor },
];
const link = (name: string, linkName: string): Device => [
  name,
  'symlink',
  { mode: 0o777, linkName },
];

/** Those of mmdebstrap. */
const DEVICES: readonly Device[] = [
  ['', 'directory'],
  device('console', 5, 1),
  link('fd', '/proc/self/fd'),
  device('full', 1, 7),
  device('null', 1, 3),
  device('ptmx', 5, 2),
  ['pts/', 'directory'],
  device('random', 1, 8),
  ['shm/', 'directory'],
  link('stderr', '/proc/self/fd/2'),
  link('stdin', '/proc/self/fd/0'),
  link('stdout', '/proc/self/fd/1'),
  device('tty', 5, 0),
  device('urandom', 1, 9),
  device('zero', 1, 5),
];

/** The beginning of an archive: /dev, whose files a user without root cannot make. */
export function encodeDevices(mtime: number): Buffer {
  const none = { mode: 0o755, uid: 0, gid: 0, size: 0, linkName: '', major: 0, minor: 0 };
  const entries = DEVICES.map(([name, type, more]) =>
    encodeLayerEntry({
      ...none,
      type,
      name: `./dev/${name}`,
      mtime,
      attributes: new Map(),
      ...more,
    }),
  );
  return Buffer.concat(entries);
}
