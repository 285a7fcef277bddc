import { dirname } from 'node:path/posix';
import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import { encodeLayerEntry, LAYER_END, tarPadding } from '../oci/layer/tar-writer.ts';
import type { InstalledEntry, InstalledPackage } from './merge-packages.ts';
import { SCRIPT_KINDS } from './package-file.ts';
import { type ApkPackage, KEPT_FIELDS } from './package-record.ts';

const MODES = { directory: 0o755, file: 0o644 } as const;

/**
 * Writes the database of installed packages as apk keeps it in `/lib/apk/db/installed`: for each package the lines of its
 * index, what it replaces, and its directories and files with owners, modes and checksums where they are not the usual ones.
 *
 * @see apk_db_fdb_write in apk-tools
 */
export function encodeInstalled(packages: readonly InstalledPackage[]): Buffer {
  return Buffer.from(
    packages.map((one) => `${packageLines(one).join('\n')}\n\n`).join(''),
    'latin1',
  );
}

function packageLines(installed: InstalledPackage): string[] {
  const { pkg, info } = installed.file;
  const fields = KEPT_FIELDS.flatMap((letter) => {
    const value = pkg.fields.get(letter);
    return value === undefined ? [] : [`${letter}:${toBytes(value)}`];
  });
  const replaces = info.replaces.map(({ text }) => text).join(' ');
  return [
    ...fields,
    ...(replaces === '' ? [] : [`r:${replaces}`]),
    ...(info.replacesPriority === 0 ? [] : [`q:${info.replacesPriority}`]),
    ...fileLines(installed.entries),
  ];
}

/** The text of an index is UTF-8, and names of files are bytes: one character each, here as there. */
function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

interface Directory {
  readonly own: LayerEntry | null;
  readonly files: InstalledEntry[];
}

function fileLines(entries: ReadonlyMap<string, InstalledEntry>): string[] {
  const directories = new Map<string, Directory>();
  for (const one of entries.values()) {
    if (one.entry.type === 'directory') {
      const files = directories.get(one.path)?.files ?? [];
      directories.set(one.path, { own: one.entry, files });
      continue;
    }
    const parent = parentOf(one.path);
    const known = directories.get(parent) ?? { own: null, files: [] };
    known.files.push(one);
    directories.set(parent, known);
  }
  return [...directories].flatMap(([path, { own, files }]) => [
    `F:${path}`,
    ...(own === null ? [] : accessLine('M', own, MODES.directory)),
    ...files.flatMap(({ path: file, entry }) => [
      `R:${file.slice(path === '' ? 0 : path.length + 1)}`,
      ...accessLine('a', entry, MODES.file),
      ...(entry.sha1 === '' ? [] : [`Z:Q1${entry.sha1}`]),
    ]),
  ]);
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

function accessLine(letter: string, { uid, gid, mode }: LayerEntry, usual: number): string[] {
  if (uid === 0 && gid === 0 && mode === usual) return [];
  return [`${letter}:${uid}:${gid}:${mode.toString(8)}`];
}

/** The lines of `/lib/apk/db/triggers`: the checksum of a package, and the directories that its trigger is for. */
export function encodeTriggers(packages: readonly InstalledPackage[]): Buffer {
  const lines = packages
    .filter(({ file }) => file.info.triggers.length > 0)
    .map(({ file }) => `${file.pkg.checksum} ${file.info.triggers.join(' ')}\n`);
  return Buffer.from(lines.join(''));
}

/** `/lib/apk/db/scripts.tar`: the scripts of all packages, for their upgrade and removal. */
export function encodeScripts(packages: readonly InstalledPackage[]): Buffer {
  const parts = packages.flatMap(({ file }) =>
    SCRIPT_KINDS.flatMap((kind) => {
      const content = file.scripts.get(kind);
      if (content === undefined) return [];
      const name = `${file.pkg.name}-${file.pkg.version}.${hexChecksum(file.pkg)}.${kind}`;
      const entry = { ...SCRIPT, name, size: content.length, mtime: buildTime(file.pkg) };
      return [encodeLayerEntry(entry), content, tarPadding(content.length)];
    }),
  );
  return Buffer.concat([...parts, LAYER_END]);
}

const SCRIPT: LayerEntry = {
  ...{ type: 'file', name: '', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0, linkName: '' },
  ...{ major: 0, minor: 0, attributes: new Map() },
};

/** A checksum without slashes: `X1` and hex digits for `Q1` and base64. */
function hexChecksum({ checksum }: ApkPackage): string {
  return `X${checksum[1]}${Buffer.from(checksum.slice(2), 'base64').toString('hex')}`;
}

/** Seconds since 1970; 0 for a package that does not say. */
export function buildTime({ fields }: ApkPackage): number {
  const text = fields.get('t') ?? '';
  return /^[0-9]{1,10}$/.test(text) ? Math.min(Number(text), 2 ** 32 - 1) : 0;
}
