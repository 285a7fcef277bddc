import { resolveDirectories } from '../host/directories.ts';
import { hostPlatform } from '../host/image-environment.ts';
import type { OciDescription } from '../image/oci/describe-image.ts';
import { type CommandContext, chooseFormat } from './command-context.ts';
import { writeText } from './io.ts';
import { plainText } from './ui/text/describe.ts';

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

/** `images inspect`: describes OCI images as they were pulled last. */
export async function inspectImages(
  { io, options }: CommandContext,
  references: readonly string[],
): Promise<number> {
  const format = chooseFormat(options, ['text', 'json']);
  const { describeOciImage } = await import('../image/oci/describe-image.ts');
  const { arch } = hostPlatform();
  const { cache: cacheDirectory } = resolveDirectories(io.env);
  const places = { cacheDirectory, env: io.env, cwd: io.cwd };
  const images: OciDescription[] = [];
  for (const reference of references) {
    images.push(await describeOciImage(reference, { arch, ...places }));
  }
  const text =
    format === 'json'
      ? JSON.stringify(images, null, 2)
      : images.flatMap(describeImage).map(plainText).join('\n');
  await writeText(io.stdout, `${text}\n`);
  return 0;
}
