/** The SDK's face: see docs/sdk.md. */
export type { KillScope } from './agent/guest-process.ts';
export type { ErrorCode } from './errors/codes.ts';
export { GondolinError } from './errors/gondolin-error.ts';
export type { NetworkEvent } from './net/audit/network-event.ts';
export {
  createHttpHooks,
  type HttpHookSecret,
  type HttpHooks,
  type HttpHooksOptions,
} from './net/hooks/create-http-hooks.ts';
export type { RequestHooks } from './net/hooks/http-hooks.ts';
export type { ExtraHost, PolicyOptions } from './net/policy/policy-options.ts';
export type { ImageRecipe } from './plan/plan.ts';
export { MemoryProvider } from './vfs/memory-provider.ts';
export type { ProviderSnapshot, VfsProvider } from './vfs/provider.ts';
export { ReadonlyProvider } from './vfs/readonly-provider.ts';
export { RealFSProvider } from './vfs/real-fs-provider.ts';
export type { ExecInput, ExecOptions, ExecOutput } from './vm/exec/exec-options.ts';
export { ExecProcess } from './vm/exec/exec-process.ts';
export { ExecResult } from './vm/exec/exec-result.ts';
export type { OutputChunk } from './vm/exec/output-reader.ts';
export type { VMNetwork } from './vm/guest-network.ts';
export { VM } from './vm/vm.ts';
export type { DebugLog, MemoryMount, SandboxOptions, VMOptions } from './vm/vm-options.ts';
