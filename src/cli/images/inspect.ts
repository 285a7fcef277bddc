import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { resolveDirectories } from '../../host/directories.ts';
import { hostPlatform } from '../../host/image-environment.ts';
import type { OciDescription } from '../../image/oci/describe-image.ts';
import type { PathManifest } from '../../image/path-image.ts';
import { findTagged } from '../../image/tags/tag-store.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandContext, chooseFormat } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';

/** Returns the lines about an image; what is empty has none. */
function describeImage(image: OciDescription): string[] {
  const { name, digest, sourceDigest, arch, pulledAtMs, diffIds, container } = image;
  const { user, workingDir, entrypoint, cmd, env, exposedPorts, stopSignal } = container;
  const words = (list: readonly string[]) => (list.length === 0 ? '' : JSON.stringify(list));
  const facts: [string, string][] = [
    ['digest', sourceDigest],
    ['manifest', digest === sourceDigest ? '' : digest],
    ['processor', arch],
    ['pulled', pulledAtMs === null ? '' : new Date(pulledAtMs).toISOString()],
    ['user', user],
    ['directory', workingDir],
    ['entrypoint', words(entrypoint)],
    ['command', words(cmd)],
    ...Object.entries(env).map(([key, value]): [string, string] => ['variable', `${key}=${value}`]),
    ['ports', exposedPorts.join(', ')],
    ['signal', stopSignal],
    ...diffIds.map((id): [string, string] => ['layer', id]),
  ];
  const lines = facts.filter(([, value]) => value !== '');
  return [name, ...lines.map(([key, value]) => `  ${key.padEnd(10)}  ${value}`)];
}

/** The facts of an image in a directory, or with a name. */
interface BuiltImage extends Omit<PathManifest, 'version' | 'kind' | 'key'> {
  readonly name: string;
  readonly directory: string;
}

async function describeBuilt(name: string, directory: string): Promise<BuiltImage> {
  const { readPathManifest } = await import('../../image/path-image.ts');
  const { version: _v, kind: _kind, key: _key, ...facts } = await readPathManifest(directory, name);
  return { name, directory, ...facts };
}

function builtLines({ name, directory, title, arch, ...image }: BuiltImage): string[] {
  const facts = [
    ['content', title],
    ['directory', directory],
    ['processor', arch],
    ['kernel', image.kernelRelease],
    ['made', new Date(image.createdAtMs).toISOString()],
    ...Object.entries(image.container?.env ?? {}).map(([key, value]) => [
      ...['variable', `${key}=${value}`],
    ]),
    ...Object.entries(image.files).map(([file, { sizeBytes, sha256 }]) => [
      ...['file', `${file}, ${formatBytes(sizeBytes)}, sha256:${sha256}`],
    ]),
  ];
  return [name, ...facts.map(([key = '', value = '']) => `  ${key.padEnd(10)}  ${value}`)];
}

/** The directory of an image in a directory or with a name; null for another one. */
function builtDirectory(io: CliIo, text: string): string | null {
  const path = resolve(io.cwd, text);
  if (existsSync(join(path, 'manifest.json'))) return path;
  return findTagged(resolveDirectories(io.env).taggedImages, text);
}

/** `images inspect`: describes images with names or in directories, and OCI images as they were pulled last. */
export async function inspectImages(
  { io, options }: CommandContext<unknown>,
  references: readonly string[],
): Promise<number> {
  const format = chooseFormat(options, ['text', 'json']);
  const { describeOciImage } = await import('../../image/oci/describe-image.ts');
  const { arch } = hostPlatform();
  const { cache: cacheDirectory } = resolveDirectories(io.env);
  const places = { cacheDirectory, env: io.env, cwd: io.cwd };
  const images: (OciDescription | BuiltImage)[] = [];
  for (const reference of references) {
    const directory = builtDirectory(io, reference);
    images.push(
      directory === null
        ? await describeOciImage(reference, { arch, ...places })
        : await describeBuilt(reference, directory),
    );
  }
  const text =
    format === 'json'
      ? JSON.stringify(images, null, 2)
      : images
          .flatMap((one) => ('directory' in one ? builtLines(one) : describeImage(one)))
          .map(plainText)
          .join('\n');
  await writeText(io.stdout, `${text}\n`);
  return 0;
}
