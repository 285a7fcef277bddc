import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpioMember } from '../cpio.ts';
import { decompressModule } from './decompress.ts';
import { normalizeModuleName, parseModinfo } from './modinfo.ts';
import { orderModules } from './module-closure.ts';
import { MODULE_ROOTS } from './module-roots.ts';

const MODULE_FILE = /^(.+)\.ko(?:\.xz|\.zst|\.gz)?$/;

/**
 * Members `modules.order` and `modules/NAME.ko` for the initramfs: the modules of MODULE_ROOTS and what they need,
 * in loading order, unpacked.
 *
 * @param directory  `lib/modules/RELEASE` of an unpacked kernel package.
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when a module is missing or damaged; IMAGE_TOOL_MISSING.
 */
export async function packModules(directory: string, signal: AbortSignal): Promise<CpioMember[]> {
  const files = await indexModules(directory);
  const builtin = await readBuiltin(directory);
  const loaded = new Map<string, Buffer>();

  const order = await orderModules(MODULE_ROOTS, async (name) => {
    const path = files.get(name);
    if (path === undefined) return builtin.has(name) ? 'builtin' : 'missing';
    const module = loaded.get(name) ?? (await decompressModule(path, await readFile(path), signal));
    loaded.set(name, module);
    return parseModinfo(module);
  });
  const members: CpioMember[] = [
    { kind: 'directory', path: 'modules', mode: 0o755 },
    {
      kind: 'file',
      path: 'modules.order',
      mode: 0o644,
      data: Buffer.from(order.map((name) => `${name}.ko\n`).join('')),
    },
  ];
  for (const name of order) {
    const data = loaded.get(name);
    if (data !== undefined)
      members.push({ kind: 'file', path: `modules/${name}.ko`, mode: 0o644, data });
  }
  return members;
}

async function indexModules(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const match = entry.isFile() ? MODULE_FILE.exec(entry.name) : null;
    if (match !== null)
      files.set(normalizeModuleName(match[1] ?? ''), join(entry.parentPath, entry.name));
  }
  return files;
}

/** `modules.builtin` names what is part of vmlinux, one path a line (Documentation/kbuild/kbuild.rst). */
async function readBuiltin(directory: string): Promise<Set<string>> {
  const text = await readFile(join(directory, 'modules.builtin'), 'utf8');
  const names = text
    .split('\n')
    .map((line) => MODULE_FILE.exec(line.split('/').at(-1) ?? '')?.[1] ?? '');
  return new Set(names.map(normalizeModuleName));
}
