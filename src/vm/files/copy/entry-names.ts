import { printable } from '../../../protocol/printable.ts';
import type { TarHeader } from '../../../util/tar/tar-entry.ts';
import { TarError } from '../../../util/tar/tar-error.ts';

/** Most bytes of the names of directories and symbolic links of one archive, which are remembered until its end. */
const MAX_REMEMBERED_BYTES = 32 * 2 ** 20;
/** Memory of one name beside its bytes, about. */
const ENTRY_BYTES = 64;

/** The names of an archive, as `latin1` text that carries any byte: none of them may lead out of the target. */
export class EntryNames {
  readonly #directories = new Set<string>(['']);
  /** Never forgotten, also when another entry replaces it: that one may not be written yet. */
  readonly #symlinks = new Set<string>();
  #bytes = 0;

  /**
   * Returns the name of an entry below the target; null for the target itself, whose mode stays.
   * @throws {TarError} for a name that leads out, also by a symbolic link of the same archive.
   */
  check(entry: TarHeader): string | null {
    const name = this.#normal(entry.name);
    if (name === '') return null;
    if (entry.kind === 'symlink') this.#remember(this.#symlinks, name);
    // Making it would succeed where the link leads.
    if (entry.kind === 'directory' && this.#symlinks.has(name)) {
      throw leadsOut(entry.name, 'is a symbolic link and a directory');
    }
    return name;
  }

  /** Returns the name of the earlier entry that a hard link names. @throws {TarError} */
  checkLink({ linkName }: TarHeader, name: string): string {
    const existing = this.#normal(linkName);
    if (this.#symlinks.has(existing)) this.#remember(this.#symlinks, name);
    return existing;
  }

  /** Returns the directories above a name that no entry has made yet, outermost first, and takes them as made. */
  missingParents(name: string): string[] {
    const missing: string[] = [];
    for (let parent = parentOf(name); !this.#directories.has(parent); parent = parentOf(parent)) {
      missing.unshift(parent);
      this.#remember(this.#directories, parent);
    }
    return missing;
  }

  #normal(bytes: Buffer): string {
    const text = bytes.toString('latin1');
    if (text.includes('\0')) throw new TarError('a name contains NUL');
    const parts = text.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw leadsOut(bytes, 'has a name with ".."');
    for (let depth = 1; depth < parts.length; depth += 1) {
      if (!this.#symlinks.has(parts.slice(0, depth).join('/'))) continue;
      throw leadsOut(bytes, 'is behind a symbolic link of the archive');
    }
    return parts.join('/');
  }

  #remember(names: Set<string>, name: string): void {
    this.#bytes += name.length + ENTRY_BYTES;
    if (this.#bytes > MAX_REMEMBERED_BYTES) throw new TarError('too many directories or links');
    names.add(name);
  }
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

function leadsOut(name: Buffer, why: string): Error {
  return new TarError(`${JSON.stringify(printable(name.toString('utf8'), 200))} ${why}`);
}
