import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AptSource, parseDeb822, parseSourceList } from './apt-source.ts';
import type { HostPackageFacts } from './plan-sources.ts';

const DEBIAN_KEYRING = 'usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Reads apt's sources and os-release. What is missing counts as empty: a host may have no apt at all.
 *
 * @param root  `/`, or a tree made up by a test.
 */
export async function readHostPackageFacts(root = '/'): Promise<HostPackageFacts> {
  const release = parseOsRelease(await readText(join(root, 'etc/os-release')));
  const keyring = join(root, DEBIAN_KEYRING);
  const hasKeyring = await stat(keyring).then(
    (found) => found.isFile(),
    () => false,
  );
  return {
    sources: await readSources(join(root, 'etc/apt')),
    osId: release.get('ID') ?? '',
    codename: release.get('VERSION_CODENAME') ?? '',
    debianKeyring: hasKeyring ? keyring : null,
  };
}

async function readSources(directory: string): Promise<AptSource[]> {
  const sources = parseSourceList(await readText(join(directory, 'sources.list')));
  const parts = join(directory, 'sources.list.d');
  for (const name of (await readdir(parts).catch(whenMissing<string[]>([]))).toSorted()) {
    const text = await readText(join(parts, name));
    if (name.endsWith('.list')) sources.push(...parseSourceList(text));
    if (name.endsWith('.sources')) sources.push(...parseDeb822(text));
  }
  return sources;
}

/** `NAME=value` lines with optional quotes (os-release(5)). */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z0-9_]+)=(["']?)(.*)\2$/.exec(line.trim());
    if (match !== null) values.set(match[1] ?? '', match[3] ?? '');
  }
  return values;
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(whenMissing(''));
}

function whenMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value;
    throw error;
  };
}
