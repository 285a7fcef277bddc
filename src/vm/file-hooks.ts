import type { FuseServerOptions } from '../vfs/fuse-server.ts';
import type { DebugLog, VMOptions } from './vm-options.ts';

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
    hooks: vfs.hooks,
    onHookFault: (hook, message, isMeant) => {
      log('vfs', `hook ${hook}: ${message}`);
      if (isMeant || warned.has(hook)) return;
      onWarning?.(`vfs.hooks.${hook} failed: ${message}`);
      warned.add(hook);
    },
  };
}
