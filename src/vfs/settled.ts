const SECOND_NS = 1_000_000_000n;
/** Two changes within one tick of the kernel's clock (at most 10 ms) can have the same time. */
const TICK_NS = 20_000_000n;
/** Tick of file systems that keep whole seconds only; FAT keeps even ones. */
const COARSE_TICK_NS = 2n * SECOND_NS;

/** True when any later change of the file gives it another change time. @param ctimeNs  Change time, read just now. */
export function isSettled(ctimeNs: bigint): boolean {
  const tickNs = ctimeNs % SECOND_NS === 0n ? COARSE_TICK_NS : TICK_NS;
  return ctimeNs + tickNs < BigInt(Date.now()) * 1_000_000n;
}
