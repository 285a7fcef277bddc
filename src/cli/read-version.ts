import { readFile } from 'node:fs/promises';
import { packageFile } from '../host/package-root.ts';

/** Reads the version of this package. */
export async function readVersion(): Promise<string> {
  const text = await readFile(packageFile('package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
