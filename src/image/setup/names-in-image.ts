import { filterThrough } from '../process/filter-tool.ts';
import { requireBuildTools } from '../process/tool.ts';

const PREFIX = 'squashfs-root';
const LIMIT_BYTES = 16 * 2 ** 20;

/**
 * Returns those of these absolute paths that a squashfs has. They must be free of wildcards and line ends.
 * @throws {GondolinError} IMAGE_TOOL_MISSING, IMAGE_BUILD_FAILED.
 */
export async function namesInImage(
  rootfsPath: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const { unsquashfs } = requireBuildTools(['unsquashfs'], 'read the image');
  const names = paths.map((path) => path.slice(1));
  const args = ['-l', '-no-progress', rootfsPath, ...names];
  const output = await filterThrough(unsquashfs, args, { limitBytes: LIMIT_BYTES, signal });
  const found = new Set(output.toString('latin1').split('\n'));
  return new Set(paths.filter((path) => found.has(PREFIX + path)));
}
