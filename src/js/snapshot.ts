import type { SandboxCore } from './sandbox-core.ts';

/** Snapshots that nobody holds any more free their memory in the guest. */
const forgotten = new FinalizationRegistry<{ core: WeakRef<SandboxCore>; id: number }>(
  ({ core, id }) => core.deref()?.forget(id),
);

/**
 * The state of a sandbox at one moment, to be restored any number of times. Opaque.
 *
 * @example
 * const snapshot: Snapshot = await loaded.snapshot();
 * await loaded.restore(snapshot);
 */
export class Snapshot {
  /** @internal */
  readonly core: SandboxCore;
  /** @internal */
  readonly id: number;

  /** @internal */
  constructor(core: SandboxCore, id: number) {
    this.core = core;
    this.id = id;
    forgotten.register(this, { core: new WeakRef(core), id });
  }
}
