import { lstatSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { hostPlatform } from '../../host/image-environment.ts';
import { readImageTag } from '../../image/tags/tag-store.ts';
import type { CommandContext } from '../command-context.ts';
import { usageError } from '../usage-error.ts';
import type { ImagesFlags } from './images-flags.ts';
import { copyUnderName } from './tag.ts';

const FORMS = { 'oci-layout:': 'directory', 'docker-archive:': 'file' } as const;

/** Returns the source as `oci:` of an image has it: a directory is an OCI layout, a file an archive of docker or podman. */
function readSource(text: string, cwd: string): string {
  const form = Object.keys(FORMS).find((prefix) => text.startsWith(prefix));
  if (form !== undefined) {
    const [path = '', ...name] = text.slice(form.length).split(':');
    return form + [resolve(cwd, path), ...name].join(':');
  }
  const path = resolve(cwd, text);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) return `oci-layout:${path}`;
  if (stat?.isFile() === true) return `docker-archive:${path}`;
  const problem =
    lstatSync(path, { throwIfNoEntry: false }) === undefined
      ? 'there is nothing'
      : 'there is no file or directory';
  throw usageError(
    `images import: ${problem} at ${path}`,
    'Write the directory of an OCI layout, or a file of docker save or podman save; with several images in it, oci-layout:DIR:NAME or docker-archive:FILE:NAME.',
  );
}

/** The name of the image without one of its own: that of its file, without what follows the first dot. */
function nameOf(source: string): string {
  const [, path = ''] = source.split(':');
  const base = path.split('/').at(-1) ?? '';
  return base
    .toLowerCase()
    .replace(/\..*$/, '')
    .replaceAll(/[^a-z0-9_-]/g, '-')
    .replace(/^[_-]+/, '');
}

/** `images import SOURCE [NAME]`: makes an image of another tool one of this machine, with a name. */
export async function importImage(
  context: CommandContext<ImagesFlags>,
  [text = '', wanted]: readonly string[],
): Promise<number> {
  const source = readSource(text, context.io.cwd);
  const tag = readImageTag(wanted ?? nameOf(source));
  const rest = { ...hostPlatform(), pull: 'never', digest: null } as const;
  return copyUnderName(context, { name: source, recipe: { kind: 'oci', source, ...rest } }, tag);
}
