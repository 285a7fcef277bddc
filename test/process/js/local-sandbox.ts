import { onTestFinished } from 'vitest';
import type { EngineClock } from '../../../src/js/engine/engine-channel.ts';
import type { SandboxNetwork } from '../../../src/js/fetch/sandbox-network.ts';
import { HostFunctions } from '../../../src/js/host-functions.ts';
import type { JSSandbox, LoadedJSSandbox } from '../../../src/js/index.ts';
import { ProtoJSSandbox } from '../../../src/js/proto-sandbox.ts';
import { DEFAULT_SIZES, type SandboxSizes } from '../../../src/js/sizes.ts';
import { openLocal } from './local-engine.ts';

/** As `SandboxBuilder.build()`, but gondolin-js runs on this machine. */
export function buildLocal(
  sizes: Partial<SandboxSizes> = {},
  print: (text: string, isError: boolean) => void = () => undefined,
  network: SandboxNetwork | null = null,
  clock: EngineClock | null = null,
): ProtoJSSandbox {
  return new ProtoJSSandbox({
    sizes: { ...DEFAULT_SIZES, ...sizes },
    host: new HostFunctions(),
    network,
    print,
    open: async (own, saved) => ({
      ...(await openLocal(own, saved)),
      openClock: async () => clock,
    }),
  });
}

/** A sandbox that ends with its test. */
export async function loadRuntime(proto: ProtoJSSandbox = buildLocal()): Promise<JSSandbox> {
  const sandbox = await proto.loadRuntime();
  onTestFinished(() => sandbox.dispose());
  return sandbox;
}

/** A sandbox with these handlers. */
export async function loadHandlers(
  handlers: Readonly<Record<string, string>>,
  proto?: ProtoJSSandbox,
): Promise<LoadedJSSandbox> {
  const sandbox = await loadRuntime(proto);
  for (const [name, code] of Object.entries(handlers)) sandbox.addHandler(name, code);
  return sandbox.getLoadedSandbox();
}
