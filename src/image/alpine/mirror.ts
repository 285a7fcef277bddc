import { openTransport, TRANSFER_LIMITS, type TransferLimits } from '../oci/registry/transport.ts';
import { MirrorClient } from './mirror-client.ts';

/** Settings of reading the files of a mirror, and who learns about it. */
export interface MirrorContext {
  /** Base of gondolin's cache: packages are kept there. */
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  /** @param fraction  Share of the work of this call that is done, 0..1. */
  readonly onProgress: (phase: string, message: string, fraction: number) => void;
  /** `http_proxy`, `https_proxy`, `no_proxy`. @default none */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** @default TRANSFER_LIMITS */
  readonly transferLimits?: Partial<TransferLimits> | undefined;
}

/** Runs `use` with connections to a mirror, and ends them. */
export async function withMirror<T>(
  context: MirrorContext,
  use: (client: MirrorClient) => Promise<T>,
): Promise<T> {
  const limits = { ...TRANSFER_LIMITS, ...context.transferLimits };
  const dispatcher = await openTransport(context.environment ?? {}, limits);
  try {
    return await use(new MirrorClient({ dispatcher, limits, signal: context.signal }));
  } finally {
    await dispatcher.destroy();
  }
}
