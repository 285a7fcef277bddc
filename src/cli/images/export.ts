import { basename, resolve } from 'node:path';
import { printableTitle } from '../../image/cache/manifest.ts';
import { checkLayoutOccupied, writeOciLayout } from '../../image/export/write-oci-layout.ts';
import { imageTitle } from '../../image/recipe-title.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandContext, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { findImageOperand, type NamedImage } from './image-operand.ts';
import type { ImagesFlags } from './images-flags.ts';
import { withImageParts } from './make-ready.ts';

/** Tags of registries have these characters only. */
const REF_NAME = /^[A-Za-z0-9][A-Za-z0-9._:@/-]*$/;

/** The name that the layout gives the image: as the user wrote it, or the end of a path. */
function layoutName({ name, recipe }: NamedImage): string {
  const shown = recipe.kind === 'path' && /^[./]/.test(name) ? basename(resolve(name)) : name;
  return REF_NAME.test(shown) ? shown : 'latest';
}

/** `images export IMAGE DIR`: writes the root file system of an image as an OCI layout. */
export async function exportImage(
  context: CommandContext<ImagesFlags>,
  [source = '', output = '']: readonly string[],
): Promise<number> {
  const { io, options } = context;
  const format = chooseFormat(options, ['text', 'json']);
  const directory = resolve(io.cwd, output);
  const image = await findImageOperand(context, source);
  // Before minutes of work.
  await checkLayoutOccupied(directory);
  const about = {
    directory,
    name: layoutName(image),
    title: printableTitle(imageTitle(image.recipe)),
  };
  const { digest, layerBytes } = await withImageParts(context, image, (parts) =>
    writeOciLayout(about, parts, io.signal),
  );
  if (format === 'json') {
    const facts = { directory, name: about.name, digest, layerBytes };
    await writeText(io.stdout, `${JSON.stringify(facts, null, 2)}\n`);
  } else if (options.quiet !== true) {
    const text = `Wrote ${plainText(directory)}: ${plainText(about.name)}, ${digest}, ${formatBytes(layerBytes)}\n`;
    await writeText(io.stdout, text);
  }
  return 0;
}
