// `gondolin/js`: JavaScript functions in micro-VMs.
export { GondolinError } from '../errors/gondolin-error.ts';
export type { CallHandlerOptions } from './call-options.ts';
export type { CallStats } from './call-stats.ts';
export type { HostFunction } from './host-functions.ts';
export { InterruptHandle } from './interrupt-handle.ts';
export { JSSandbox } from './js-sandbox.ts';
export { LoadedJSSandbox } from './loaded-sandbox.ts';
export { type HostModule, ProtoJSSandbox } from './proto-sandbox.ts';
export {
  type HostPrintFunction,
  SandboxBuilder,
  type SandboxNetworkOptions,
} from './sandbox-builder.ts';
export { SandboxPool, type SandboxPoolOptions } from './sandbox-pool.ts';
export { Snapshot } from './snapshot.ts';
