import { fsyncSync, readSync } from 'node:fs';
import { GondolinError } from '../errors/gondolin-error.ts';
import { requireTool } from './tools.ts';

/** s_magic of the superblock, which starts at 1024 (fs/ext4/ext4.h). */
const MAGIC_OFFSET = 1024 + 56;
const MAGIC = 0xef53;
const MAKE_LIMIT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** Features that the guest's kernel has, whatever the host's defaults are. */
const FEATURES = [
  ...['has_journal', 'ext_attr', 'resize_inode', 'dir_index', 'filetype', 'extent', '64bit'],
  ...['flex_bg', 'sparse_super', 'large_file', 'huge_file', 'dir_nlink', 'extra_isize'],
  'metadata_csum',
];

/** The features of a disk that ends with its machine: it survives no crash and does not grow. */
const SCRATCH_FEATURES = FEATURES.filter(
  (feature) => feature !== 'has_journal' && feature !== 'resize_inode',
);

/** True when the file starts as an ext4 file system does. Its content is the guest's: nothing more is read of it on the host. */
export function hasExt4(fd: number): boolean {
  const magic = Buffer.alloc(2);
  return readSync(fd, magic, 0, 2, MAGIC_OFFSET) === 2 && magic.readUInt16LE() === MAGIC;
}

/**
 * Makes an empty ext4 file system in a sparse file, on disk when the promise resolves.
 * @param use  `kept`: with a journal. `scratch`: for a disk that ends with its machine.
 * @throws {GondolinError} HOST_TOOL_NOT_FOUND, HOST_TOOL_FAILED.
 */
export async function makeExt4(
  path: string,
  fd: number,
  use: 'kept' | 'scratch' = 'kept',
): Promise<void> {
  const tool = requireTool('mkfs.ext4');
  const { execa } = await import('execa');
  const args = [
    ...['-q', '-F', '-b', '4096', '-m', '0', '-I', '256'],
    ...['-O', `none,${(use === 'kept' ? FEATURES : SCRATCH_FEATURES).join(',')}`],
    ...['-E', 'lazy_itable_init=1', '-L', 'gondolin', path],
  ];
  const { failed, stderr, cause } = await execa(tool.path, args, {
    stdin: 'ignore',
    env: {},
    extendEnv: false,
    timeout: MAKE_LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
    reject: false,
  });
  if (failed) {
    const reason = stderr.split('\n', 1)[0] ?? '';
    throw new GondolinError('HOST_TOOL_FAILED', `mkfs.ext4 failed: ${reason}`, {
      hint: 'Check that the disk of the host has room.',
      cause,
      details: { tool: tool.name, path: tool.path },
    });
  }
  fsyncSync(fd);
}
