import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Environment } from './directories.ts';

/** Host programs gondolin starts: what people call each, and the Debian package that brings it. */
export const TOOLS = {
  'qemu-system-x86_64': { title: 'QEMU', debianPackage: 'qemu-system-x86' },
  'qemu-system-aarch64': { title: 'QEMU for aarch64 guests', debianPackage: 'qemu-system-arm' },
  setpriv: { title: 'setpriv', debianPackage: 'util-linux' },
  mmdebstrap: { title: 'mmdebstrap', debianPackage: 'mmdebstrap' },
  sqfstar: { title: 'sqfstar', debianPackage: 'squashfs-tools' },
  xz: { title: 'xz', debianPackage: 'xz-utils' },
  unshare: { title: 'unshare', debianPackage: 'util-linux' },
  newuidmap: { title: 'newuidmap', debianPackage: 'uidmap' },
  'mkfs.ext4': { title: 'mkfs.ext4', debianPackage: 'e2fsprogs' },
  make: { title: 'make', debianPackage: 'make' },
  'musl-gcc': { title: 'musl-gcc', debianPackage: 'musl-tools' },
} as const satisfies Record<string, { title: string; debianPackage: string }>;

export type ToolName = keyof typeof TOOLS;

/** Processor of a guest. */
export type GuestArch = 'x86_64' | 'aarch64';

/** Returns the QEMU that runs guests of a processor. */
export function qemuName(arch: GuestArch): 'qemu-system-x86_64' | 'qemu-system-aarch64' {
  return `qemu-system-${arch}`;
}

/** An executable file. `stamp` changes whenever the file does, so it can key what was learned about it. */
export interface Tool {
  readonly name: string;
  /** Absolute path, as found: symbolic links are kept. */
  readonly path: string;
  /** Modification time, size and inode of the file behind the path. */
  readonly stamp: string;
}

/** Debian's PATH of an ordinary user lacks these, but such users may run some of what is there. */
const ADMINISTRATORS = ['/usr/sbin', '/sbin'];

/** First executable of that name in PATH, then in the directories of administrators' programs; null when there is none. Starts nothing. */
export function findTool(name: string, env: Environment = process.env): Tool | null {
  for (const directory of [...(env['PATH'] ?? '').split(':'), ...ADMINISTRATORS]) {
    // An empty or relative entry means the current directory: a project must not supply our tools.
    if (!isAbsolute(directory)) continue;
    const path = join(directory, name);
    const stamp = executableStamp(path);
    if (stamp !== null) return { name, path, stamp };
  }
  return null;
}

/** Null for whatever cannot be run: as in a shell, a directory of PATH that this user may not search holds nothing. */
function executableStamp(path: string): string | null {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return null;
    accessSync(path, constants.X_OK);
    return `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
  } catch {
    return null;
  }
}

/** The command that installs a tool on Debian. */
export function installCommand(name: ToolName): string {
  return `apt install ${TOOLS[name].debianPackage}`;
}

/**
 * First executable of that name in PATH.
 * @throws {GondolinError} HOST_TOOL_NOT_FOUND with the command that installs it.
 */
export function requireTool(name: ToolName, env: Environment = process.env): Tool {
  const tool = findTool(name, env);
  if (tool === null) {
    throw new GondolinError('HOST_TOOL_NOT_FOUND', `${TOOLS[name].title} not found in PATH`, {
      hint: `Install it: ${installCommand(name)}`,
      details: { tool: name },
    });
  }
  return tool;
}

const VERSION_LIMIT_MS = 5_000;
const VERSION_LIMIT_BYTES = 64 * 1024;

/**
 * First line of `tool --version`. Starts the tool; `ToolVersions` remembers the answer.
 * @throws {GondolinError} HOST_TOOL_FAILED when it fails, hangs for 5 s or prints nothing.
 */
export async function queryToolVersion(tool: Tool): Promise<string> {
  const { execa } = await import('execa');
  const { failed, stdout, cause } = await execa(tool.path, ['--version'], {
    stdin: 'ignore',
    env: {},
    extendEnv: false,
    timeout: VERSION_LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: VERSION_LIMIT_BYTES,
    reject: false,
  });
  const line = stdout.split('\n', 1)[0]?.trim() ?? '';
  if (failed || line === '') throw toolFailed(tool, cause);
  return line;
}

function toolFailed(tool: Tool, cause: unknown): GondolinError {
  return new GondolinError('HOST_TOOL_FAILED', `"${tool.path} --version" did not respond`, {
    hint: `Run "${tool.path} --version" yourself and repair that program.`,
    cause,
    details: { tool: tool.name, path: tool.path },
  });
}
