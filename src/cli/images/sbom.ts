import { packageVersion } from '../../host/package-root.ts';
import { digestFile } from '../../image/cache/verify-files.ts';
import { readInstalledPackages } from '../../image/sbom/installed-packages.ts';
import { spdxDocument } from '../../image/sbom/spdx-document.ts';
import { Squashfs } from '../../image/squashfs/squashfs.ts';
import { type CommandContext, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { findImageOperand } from './image-operand.ts';
import type { ImagesFlags } from './images-flags.ts';
import { withImageParts } from './make-ready.ts';

/** The time of the document: `SOURCE_DATE_EPOCH`, so that it can be made again, or now. */
function creationTimeMs(text: string | undefined): number {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) * 1000 : Date.now();
}

/** `images sbom IMAGE`: prints the packages of an image as an SPDX document. */
export async function printSbom(
  context: CommandContext<ImagesFlags>,
  [name = '']: readonly string[],
): Promise<number> {
  const { io, options } = context;
  chooseFormat(options, ['json']);
  const found = await findImageOperand(context, name);
  const listed = await withImageParts(context, found, async ({ rootfsPath, kernelRelease }) => {
    if (rootfsPath === null) throw new TypeError('an image without a root file system');
    const { sha256 } = await digestFile(rootfsPath, io.signal);
    const image = await Squashfs.open(rootfsPath);
    try {
      const contents = await readInstalledPackages(image);
      return { name, rootfsSha256: sha256, kernelRelease, ...contents };
    } finally {
      await image.close();
    }
  });
  if (listed.packages.length === 0) {
    await writeText(
      io.stderr,
      'warning: the image has no database of dpkg or apk, so no package is listed\n',
    );
  }
  const facts = {
    version: packageVersion(),
    createdAtMs: creationTimeMs(io.env['SOURCE_DATE_EPOCH']),
  };
  await writeText(io.stdout, `${JSON.stringify(spdxDocument(listed, facts), null, 2)}\n`);
  return 0;
}
