import { formatImageTag, type ImageTag } from '../../address/image-tag.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { writeImageDirectory } from '../../image/build/image-directory.ts';
import { printableTitle } from '../../image/cache/manifest.ts';
import { imageTitle } from '../../image/recipe-title.ts';
import { readImageTag, removeTagged, taggedDirectory } from '../../image/tags/tag-store.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandContext, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { findImageOperand, type NamedImage } from './image-operand.ts';
import type { ImagesFlags } from './images-flags.ts';
import { withImageParts } from './make-ready.ts';

/** `images tag IMAGE NAME`: gives an image a name, under which it stays on this machine. */
export async function tagImage(
  context: CommandContext<ImagesFlags>,
  [source = '', name = '']: readonly string[],
): Promise<number> {
  const tag = readImageTag(name);
  return copyUnderName(context, await findImageOperand(context, source), tag);
}

/** Makes an image ready and copies it under a name. */
export async function copyUnderName(
  context: CommandContext<ImagesFlags>,
  image: NamedImage,
  tag: ImageTag,
): Promise<number> {
  const { io, options } = context;
  const format = chooseFormat(options, ['text', 'json']);
  const directory = taggedDirectory(resolveDirectories(io.env).taggedImages, tag);
  const title = await titleOf(image);
  const manifest = await withImageParts(context, image, (parts) =>
    writeImageDirectory(
      directory,
      parts,
      { title, container: parts.container, maxRootfsBytes: null },
      io.signal,
    ),
  );
  const sizeBytes = Object.values(manifest.files).reduce((sum, file) => sum + file.sizeBytes, 0);
  const name = formatImageTag(tag);
  if (format === 'json') {
    await writeText(
      io.stdout,
      `${JSON.stringify({ name, directory, title, sizeBytes }, null, 2)}\n`,
    );
  } else if (options.quiet !== true) {
    const use = `Use it: gondolin bash --image ${name}`;
    const text = `${plainText(image.name)} is ${name} now, ${formatBytes(sizeBytes)}. ${use}\n`;
    await writeText(io.stdout, text);
  }
  return 0;
}

/** The title of an image that has one already, and of another what its recipe says. */
async function titleOf({ recipe }: NamedImage): Promise<string> {
  if (recipe.kind !== 'path') return printableTitle(imageTitle(recipe));
  const { readPathManifest } = await import('../../image/path-image.ts');
  return (await readPathManifest(recipe.path)).title;
}

/** `images untag NAME...`: removes names with their images. */
export async function untagImages(
  { io, options }: CommandContext<ImagesFlags>,
  names: readonly string[],
): Promise<number> {
  chooseFormat(options, ['text']);
  // A mistake in one name removes nothing.
  const tags = names.map(readImageTag);
  for (const tag of tags) {
    await removeTagged(resolveDirectories(io.env).taggedImages, tag);
    if (options.quiet !== true) {
      await writeText(io.stdout, `removed the image ${formatImageTag(tag)}\n`);
    }
  }
  return 0;
}
