import { readFile } from 'node:fs/promises';

/** One version of a package in a list. */
export interface PackageStanza {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Digest of the .deb file, 64 hex digits. */
  readonly sha256: string;
  /** The whole paragraph, without a line feed at its end. */
  readonly text: string;
}

/**
 * Reads what apt's lists say about packages: all versions of each, by name.
 * @param paths  Files in the form of `Packages`, not compressed.
 */
export async function readStanzas(
  paths: readonly string[],
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly PackageStanza[]>> {
  const found = new Map<string, PackageStanza[]>();
  for (const path of paths) {
    for (const stanza of stanzasOf(await readFile(path), names)) {
      const known = found.get(stanza.name) ?? [];
      found.set(stanza.name, [...known, stanza]);
    }
  }
  return found;
}

function* stanzasOf(list: Buffer, names: ReadonlySet<string>): Generator<PackageStanza> {
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf('\n\n', start);
    const stop = end === -1 ? list.length : end;
    // A list has 60,000 packages: only those that are wanted become text.
    const head = list.toString('latin1', start, Math.min(stop, start + HEAD_BYTES));
    const name = /^Package: (\S+)$/m.exec(head)?.[1];
    if (name !== undefined && names.has(name)) {
      const text = list.toString('utf8', start, stop).trimEnd();
      yield { name, text, ...fieldsOf(text) };
    }
    start = stop + 2;
  }
}

/** The name is the first line in the lists of Debian. */
const HEAD_BYTES = 300;

function fieldsOf(text: string): Pick<PackageStanza, 'version' | 'architecture' | 'sha256'> {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return {
    version: field('Version'),
    architecture: field('Architecture'),
    sha256: field('SHA256'),
  };
}
