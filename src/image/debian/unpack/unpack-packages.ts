import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { LayerEntry } from '../../oci/layer/layer-entry.ts';
import { readTarEntries } from '../../oci/layer/tar-entries.ts';
import { encodeLayerEntry, LAYER_END, tarPadding } from '../../oci/layer/tar-writer.ts';
import type { RunToolsOptions } from '../../process/run-tools.ts';
import { SOURCE_DATE_EPOCH } from '../../source-date.ts';
import type { LockedFile } from '../locked-packages.ts';
import { type DebFile, readDebFiles } from './deb-file.ts';
import {
  conffilePaths,
  type DatabaseFile,
  infoName,
  packageDatabase,
  type UnpackedPackage,
} from './package-database.ts';
import { isLeftOut } from './path-filter.ts';

export interface UnpackOptions extends Omit<RunToolsOptions, 'onLine' | 'input'> {
  /** Directory of the files, which are removed. */
  readonly directory: string;
  /** True for a release whose /bin, /lib and /sbin are links to those of /usr. */
  readonly isMergedUsr: boolean;
  /** Packages that were asked for by name. */
  readonly named: ReadonlySet<string>;
  readonly onPackage: (name: string, index: number) => void;
}

const MERGED = ['bin', 'lib', 'lib64', 'sbin'] as const;

/**
 * Writes an archive of a root file system in which packages are unpacked and not set up, as dpkg would leave it: with its
 * database, without the paths that images leave out. It takes one process for each archive of a package where dpkg takes
 * several, and dpkg itself then has to set them up only.
 *
 * The files that `SET_UP_PACKAGES` reads are in `run/gondolin`.
 *
 * @param target  Is ended.
 * @throws {GondolinError} IMAGE_BUILD_FAILED, IMAGE_LAYER_INVALID, IMAGE_TOOL_MISSING.
 */
export async function unpackPackages(
  files: readonly LockedFile[],
  target: Writable,
  options: UnpackOptions,
): Promise<void> {
  const archive = archiveOf(inOrder(files), options);
  await pipeline(Readable.from(archive), target, { signal: options.signal });
}

/** Essential packages first: scripts of others may rely on what theirs do. */
function inOrder(files: readonly LockedFile[]): LockedFile[] {
  const rank = ({ stanza }: LockedFile) => (/^Essential: yes$/m.test(stanza.text) ? 0 : 1);
  const byName = files.toSorted((one, other) => (one.stanza.name < other.stanza.name ? -1 : 1));
  return byName.toSorted((one, other) => rank(one) - rank(other));
}

async function* archiveOf(
  files: readonly LockedFile[],
  options: UnpackOptions,
): AsyncGenerator<Buffer> {
  const packages: UnpackedPackage[] = [];
  if (options.isMergedUsr) yield* mergedUsr();
  const paths = files.map(({ file }) => join(options.directory, file));
  for await (const deb of readDebFiles(paths, options)) {
    const file = files[packages.length] as LockedFile;
    options.onPackage(file.stanza.name, packages.length);
    const [unpacked, entries] = unpack(file, deb, options.named);
    packages.push(unpacked);
    yield* entries;
  }
  const own = [...packageDatabase(packages), ...setUpFiles(files, packages)];
  for (const file of own) yield* databaseEntry(file);
  yield LAYER_END;
}

function unpack(
  { stanza }: LockedFile,
  { control, data }: DebFile,
  named: ReadonlySet<string>,
): [UnpackedPackage, Buffer[]] {
  const conffiles = new Set(conffilePaths(control));
  const paths: string[] = [];
  const digests = new Map<string, string>();
  const entries: Buffer[] = [];
  readTarEntries(data, (entry, content) => {
    const path = pathOf(entry.name);
    paths.push(path);
    if (isLeftOut(path, entry.type)) return;
    if (conffiles.has(path)) digests.set(path, createHash('md5').update(content).digest('hex'));
    entries.push(encodeLayerEntry(entry), content, tarPadding(content.length));
  });
  const { name, architecture, text } = stanza;
  const isAutomatic = !named.has(name) && !/^(?:Essential: yes|Priority: required)$/m.test(text);
  return [{ name, architecture, control, paths, digests, isAutomatic }, entries];
}

/** `./usr/bin/` as dpkg's lists have it; `/.` for the root. */
function pathOf(name: string): string {
  const path = name.replace(/^\.?\/*/, '').replace(/\/+$/, '');
  return path === '' ? '/.' : `/${path}`;
}

const OWNED_BY_ROOT = {
  ...{ mode: 0o755, uid: 0, gid: 0, size: 0, mtime: SOURCE_DATE_EPOCH, linkName: '' },
  ...{ major: 0, minor: 0 },
  attributes: new Map<string, Buffer>(),
};

function* mergedUsr(): Generator<Buffer> {
  const entry = (about: Partial<LayerEntry> & Pick<LayerEntry, 'type' | 'name'>) =>
    encodeLayerEntry({ ...OWNED_BY_ROOT, ...about });
  yield entry({ type: 'directory', name: './usr/' });
  for (const name of MERGED) {
    yield entry({ type: 'directory', name: `./usr/${name}/` });
    yield entry({ type: 'symlink', name: `./${name}`, mode: 0o777, linkName: `usr/${name}` });
  }
}

function* databaseEntry({ path, content, mode }: DatabaseFile): Generator<Buffer> {
  const about = { type: 'file', name: `./${path}`, size: content.length, mode } as const;
  yield encodeLayerEntry({ ...OWNED_BY_ROOT, ...about });
  yield content;
  yield tarPadding(content.length);
}

/** `preinsts`, with the name of each package in dpkg's files and its architecture, and the version of dpkg. */
function setUpFiles(
  files: readonly LockedFile[],
  packages: readonly UnpackedPackage[],
): DatabaseFile[] {
  const first = packages.filter(({ control }) => control.has('preinst'));
  const lines = first.map((one) => `${infoName(one)} ${one.architecture}\n`);
  const dpkg = files.find(({ stanza }) => stanza.name === 'dpkg')?.stanza.version ?? '';
  const file = (name: string, text: string) => ({
    ...{ path: `run/gondolin/${name}`, content: Buffer.from(text), mode: 0o644 },
  });
  return [file('preinsts', lines.join('')), file('dpkg-version', `${dpkg}\n`)];
}
