import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { GuestArch } from '../host/tools.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { agentPathFor } from './agent-path.ts';
import { ensureEntry } from './cache/entry.ts';
import { fileSha256 } from './cache/file-digest.ts';
import { ARTIFACT_FILES, entryPlace } from './cache/layout.ts';
import { digestBytes } from './cache/verify-files.ts';
import type { BootImage, EnsureImageOptions, ImageContext } from './guest-image.ts';
import type { ImageParts } from './image-parts.ts';
import type { ProgramRecipe } from './recipe.ts';
import { imageKey, initramfsKey } from './recipe-keys.ts';

const AARCH64_AGENT_HINT =
  'Build it with: apt install gcc-aarch64-linux-gnu && make -C guest aarch64. The npm package has it.';

interface Program {
  readonly path: string;
  readonly sha256: string;
}

/**
 * Finds the guest agent for a processor.
 * @throws {GondolinError} IMAGE_AGENT_MISSING
 */
export async function findAgent(
  { agentPath }: EnsureImageOptions,
  arch: GuestArch,
): Promise<Program> {
  const path = agentPathFor(agentPath, arch);
  try {
    return { path, sha256: await fileSha256(path) };
  } catch (cause) {
    throw new GondolinError('IMAGE_AGENT_MISSING', `Cannot read the guest agent at '${path}'`, {
      cause,
      ...(arch === 'aarch64' ? { hint: AARCH64_AGENT_HINT } : {}),
    });
  }
}

/** The program of a recipe; null for one without. */
async function findProgram(recipe: ImageRecipe | ProgramRecipe) {
  if (recipe.kind !== 'program') return null;
  const { hostPath: path, guestPath } = recipe;
  return { path, guestPath, sha256: await fileSha256(path) };
}

/** Reads a program whose digest is part of the key of what is built. */
async function read({ path, sha256 }: Program): Promise<Buffer> {
  const data = await readFile(path);
  if (digestBytes(data) === sha256) return data;
  throw new GondolinError('IMAGE_BUILD_FAILED', `'${path}' has changed while the image was built`, {
    hint: 'Run the command again once it is complete.',
  });
}

/**
 * Makes the initramfs for a kernel and a root file system ready, and the image of the three. Both parts are released when it fails.
 * @throws {GondolinError} IMAGE_AGENT_MISSING, those of the cache, and IMAGE_BUILD_FAILED.
 */
export async function addInitramfs(
  recipe: ImageRecipe | ProgramRecipe,
  parts: ImageParts,
  context: ImageContext,
): Promise<BootImage> {
  try {
    const agent = await findAgent(context.options, parts.arch);
    const program = await findProgram(recipe);
    const named = program === null ? null : { path: program.guestPath, sha256: program.sha256 };
    const key = initramfsKey(agent.sha256, parts.modulesSha256, named);
    const entry = await ensureEntry(entryPlace(context.options.cacheDirectory, 'initramfs', key), {
      ...context,
      build: async (target) => {
        const { buildInitramfs } = await import('./build-initramfs.ts');
        await buildInitramfs({
          agent: await read(agent),
          program: program === null ? null : { path: program.guestPath, data: await read(program) },
          modulesPath: parts.modulesPath,
          target,
        });
        return { title: `agent for kernel ${parts.kernelRelease}`, kernelRelease: '' };
      },
    });
    const [initramfs] = ARTIFACT_FILES.initramfs;
    return {
      key: imageKey(key, parts.digests, parts.container),
      arch: parts.arch,
      vmlinuxPath: parts.vmlinuxPath,
      initramfsPath: join(entry.place.directory, initramfs),
      rootfsPath: parts.rootfsPath,
      rootfsType: 'squashfs',
      kernelRelease: parts.kernelRelease,
      sizeBytes: parts.sizeBytes + (entry.manifest.files[initramfs]?.sizeBytes ?? 0),
      recipe,
      container: parts.container,
      async release() {
        entry.lock.release();
        parts.release();
      },
    };
  } catch (error) {
    parts.release();
    throw error;
  }
}
