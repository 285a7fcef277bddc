/** The public interface of the package. Every export has an example; docs/sdk.md is the guide. */
export type { KillScope } from './agent/guest-process.ts';
export { parseConfig } from './config/go/parse-config.ts';
export { type ParsedSecret, parseSecret } from './config/go/parse-secret.ts';
export {
  DEFAULT_CPUS,
  DEFAULT_DISK_SIZE_MB,
  DEFAULT_MEMORY_MB,
  DEFAULT_TIMEOUT_SECONDS,
  DEFAULT_WORKSPACE,
  defaultConfig,
  getWorkspace,
  type MountConfig,
  mergeConfig,
  type VMConfig,
} from './config/go/vm-config.ts';
export { parseVolumeMount, type VolumeMount } from './config/parse-volume-mount.ts';
export type { ErrorCode } from './errors/codes.ts';
export {
  ErrBlocked,
  ErrHostNotAllowed,
  ErrInvalidConfig,
  type ErrorKind,
  ErrSecretLeak,
  ErrTimeout,
  ErrVMNotFound,
  ErrVMNotRunning,
} from './errors/error-kinds.ts';
export { type ErrorFacts, GondolinError, type SourcePlace } from './errors/gondolin-error.ts';
export type { GuestImage } from './image/guest-image.ts';
export type { ContainerConfig } from './image/oci/documents/image-config.ts';
export {
  type IngressCall,
  type IngressHeaderPatch,
  type IngressHeaders,
  type IngressHooks,
  type IngressRequest,
  IngressRequestBlockedError,
  type IngressRequestPatch,
  type IngressResponse,
  type IngressResponsePatch,
} from './ingress/ingress-hooks.ts';
export type { IngressGateway, IngressOptions } from './ingress/ingress-options.ts';
export type { ExposedPort } from './ingress/port-forward.ts';
export type { IngressRoute } from './ingress/routes/ingress-route.ts';
export type { AskAnswer, AskQuestion, OnAsk } from './net/ask/ask-options.ts';
export type { NetworkEvent, NetworkEventSink } from './net/audit/network-event.ts';
export {
  createHttpHooks,
  type HttpHookSecret,
  type HttpHooks,
  type HttpHooksOptions,
} from './net/hooks/create-http-hooks.ts';
export type { RequestHooks } from './net/hooks/http-hooks.ts';
export type {
  NetworkPolicy,
  NetworkUpdate,
  SecretChange,
  SecretFacts,
} from './net/live/network-update.ts';
export type {
  ExtraHost,
  HttpRule,
  PolicyMode,
  PolicyOptions,
} from './net/policy/policy-options.ts';
export type { UpstreamProxyOptions } from './net/proxy/proxy-options.ts';
export { type GitSshExecInfo, getInfoFromSshExecRequest } from './net/ssh/git-command.ts';
export type {
  SshCredential,
  SshExecDecision,
  SshExecPolicy,
  SshExecRequest,
  SshOptions,
} from './net/ssh/ssh-options.ts';
export type { Resolve } from './net/tcp/dial.ts';
export type { BaseRecipe, ImageRecipe, ImageSetup } from './plan/plan.ts';
export type { ErrnoName } from './protocol/errno.ts';
export type { FilesPath } from './protocol/files/files-request.ts';
export type { EnableSshOptions, SshAccess } from './ssh/ssh-options.ts';
export { shellQuoteArgs } from './util/shell-quote-args.ts';
export type { VfsHookContext, VfsHookOperation, VfsHooks } from './vfs/hooks/vfs-hooks.ts';
export { type MemoryOptions, MemoryProvider } from './vfs/memory-provider.ts';
export { type OverlayChange, OverlayProvider } from './vfs/overlay-provider.ts';
export type {
  AttributeChange,
  Attributes,
  Caller,
  ChangeSource,
  CurrentEntry,
  DirectoryChange,
  DirectoryEntry,
  ExtendedAttributes,
  FileSystemStatus,
  MaybePromise,
  NewNode,
  NodePlace,
  ProviderSnapshot,
  VfsHandle,
  VfsNode,
  VfsProvider,
} from './vfs/provider.ts';
export { ReadonlyProvider } from './vfs/readonly-provider.ts';
export { type RealFSOptions, RealFSProvider } from './vfs/real-fs-provider.ts';
export {
  createShadowPathPredicate,
  type ShadowOptions,
  type ShadowPredicate,
  ShadowProvider,
} from './vfs/shadow-provider.ts';
export { VfsError } from './vfs/vfs-error.ts';
export { VirtualProvider } from './vfs/virtual-provider.ts';
export { toVMOptions } from './vm/config-options.ts';
export type { ConnectOptions } from './vm/connect.ts';
export type { DiskMount } from './vm/disks/disk-options.ts';
export type { ExecActivity, FileActivity, NetworkActivity, VMEvent } from './vm/events/vm-event.ts';
export type { ExecInput, ExecOptions, ExecOutput } from './vm/exec/exec-options.ts';
export { ExecProcess } from './vm/exec/exec-process.ts';
export { ExecResult } from './vm/exec/exec-result.ts';
export type { OutputChunk } from './vm/exec/output-reader.ts';
export type { CopyInOptions, CopyOptions, CopySummary } from './vm/files/copy/copy-options.ts';
export type { GuestSpace } from './vm/files/decode.ts';
export type { FileFlag } from './vm/files/file-flags.ts';
export type { FileTime } from './vm/files/file-time.ts';
export type {
  DeleteOptions,
  FileOptions,
  FollowOptions,
  GlobOptions,
  MkdirOptions,
  ReadFileOptions,
  ReadStreamOptions,
  WriteFileOptions,
  WriteStreamOptions,
} from './vm/files/files-options.ts';
export { GuestFileHandle } from './vm/files/guest-file-handle.ts';
export { GuestFileSystem } from './vm/files/guest-file-system.ts';
export { GuestEntry, type GuestFileType, GuestStats } from './vm/files/guest-stats.ts';
export type { FileContent } from './vm/files/whole-file.ts';
export type { ForkOptions } from './vm/fork/fork-options.ts';
export type { FileInfo } from './vm/go-names.ts';
export type { VMNetwork } from './vm/guest-network.ts';
export { LiveNetwork } from './vm/live-network.ts';
export type { AcquireOptions, PoolOptions } from './vm/pool/pool-options.ts';
export { VMPool } from './vm/pool/vm-pool.ts';
export type { ExposeOptions } from './vm/ports/vm-ports.ts';
export type { ShellOptions } from './vm/shell.ts';
export { VM } from './vm/vm.ts';
export type { DebugLog, MemoryMount, SandboxOptions, VMOptions } from './vm/vm-options.ts';
