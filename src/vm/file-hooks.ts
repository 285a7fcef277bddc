import type { FuseServerOptions } from '../vfs/fuse-server.ts';
import { VFS_HOOK_NAMES, type VfsHooks } from '../vfs/hooks/vfs-hooks.ts';
import type { DebugLog, VMOptions } from './vm-options.ts';

/** Binds each hook to its object: a program may pass an object of its own class. */
function bound(hooks: VfsHooks): VfsHooks {
  return Object.fromEntries(VFS_HOOK_NAMES.map((name) => [name, hooks[name]?.bind(hooks)]));
}

/**
 * Returns the file server's part of `vfs.hooks`. What a hook throws is logged each time. A mistake in a hook is a warning too, the
 * first time: a guest can make it fail as often as it likes.
 */
export function fileHooks(
  { vfs, onWarning }: VMOptions,
  log: DebugLog,
): Pick<FuseServerOptions, 'hooks' | 'onHookFault'> {
  if (vfs?.hooks === undefined) return {};
  const warned = new Set<string>();
  return {
    hooks: bound(vfs.hooks),
    onHookFault: (hook, message, isMeant) => {
      log('vfs', `hook ${hook}: ${message}`);
      if (isMeant || warned.has(hook)) return;
      onWarning?.(`vfs.hooks.${hook} failed: ${message}`);
      warned.add(hook);
    },
  };
}
