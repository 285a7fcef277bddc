import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpioMember, encodeCpioMembers, encodeCpioTrailer } from './cpio.ts';

export interface InitramfsBuildOptions {
  /** The guest agent; becomes `/init`. */
  readonly agent: Uint8Array;
  /** A program in the root directory, which the guest has instead of a root file system. */
  readonly program: { readonly path: string; readonly data: Uint8Array } | null;
  /** Members `modules.order` and `modules/`, as the kernel entry holds them. */
  readonly modulesPath: string;
  /** Directory of the entry; receives `initramfs.cpio`. */
  readonly target: string;
}

/** `/dev/console`: the kernel opens it for /init before devtmpfs is mounted. 5:1 is in Documentation/admin-guide/devices.txt. */
const CONSOLE: CpioMember = {
  kind: 'character',
  path: 'dev/console',
  mode: 0o600,
  major: 5,
  minor: 1,
};

/** Writes the initramfs: the agent, its modules, and the directories it mounts on. Equal input gives equal bytes. */
export async function buildInitramfs(options: InitramfsBuildOptions): Promise<void> {
  const directories: CpioMember[] = ['dev', 'proc', 'sys', 'root'].map((path) => ({
    kind: 'directory',
    path,
    mode: 0o755,
  }));
  const { program } = options;
  const members = encodeCpioMembers([
    ...directories,
    CONSOLE,
    { kind: 'file', path: 'init', mode: 0o755, data: options.agent },
    ...(program === null
      ? []
      : [{ kind: 'file', path: program.path.slice(1), mode: 0o755, data: program.data } as const]),
  ]);
  const modules = await readFile(options.modulesPath);
  const archive = Buffer.concat([members, modules, encodeCpioTrailer()]);
  await writeFile(join(options.target, 'initramfs.cpio'), archive);
}
