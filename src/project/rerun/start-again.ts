import type { GuestSource } from '../../vm/start/guest-source.ts';
import type { VM } from '../../vm/vm.ts';
import { readChainFacts } from '../checkpoint/chain-facts.ts';
import { digestInputs } from '../checkpoint/digest-inputs.ts';
import type { DigestMemo } from '../checkpoint/digest-memo.ts';
import { buildKeyChain } from '../checkpoint/key-chain.ts';
import type { SandboxCheckpoints } from '../checkpoint/sandbox-checkpoints.ts';
import { type VmInputs, vmOptionsOf } from '../sandbox-vm-options.ts';
import { isSavedMachineFault } from '../saved-machine-fault.ts';
import type { RunStart, SandboxReruns } from './sandbox-reruns.ts';

/** Creates the VM of a sandbox, from a saved machine if there is one, or from one that waits. */
export type CreateVm = (
  inputs: VmInputs,
  from: string | undefined,
  source?: GuestSource,
) => Promise<VM>;

/** Returns the keys of the machines after each step but the last, whether or not a step has a checkpoint. */
async function readKeys(
  { plan, sandbox, image, volumes, options }: VmInputs,
  memo: DigestMemo,
): Promise<string[]> {
  const { cacheDirectory } = options;
  const inputs = [];
  for (const step of sandbox.steps) {
    inputs.push(await digestInputs(step.inputs, plan.directory, memo));
  }
  await memo.save();
  const facts = await readChainFacts(sandbox.vm, image, cacheDirectory, volumes.ids);
  return buildKeyChain(sandbox, facts, inputs).links.map(({ key }) => key);
}

async function createFrom(
  inputs: VmInputs,
  start: RunStart,
  reruns: SandboxReruns,
  create: CreateVm,
): Promise<VM> {
  const from = start.directory ?? undefined;
  const taken = await reruns.take(start, inputs.image.key, inputs.hooks.signal);
  if (taken === null) return create(inputs, from);
  try {
    const vm = await create(inputs, from, taken.source);
    taken.started();
    return vm;
  } catch (error) {
    await taken.discard();
    if (inputs.hooks.signal.aborted) throw error;
    // The machine that waited has ended, or does not fit any more: a new one may.
    return create(inputs, from);
  }
}

/**
 * Starts the VM of a run in watch mode: from the machine before its first step, the one that waits if that is it, and prepares the
 * machine of the next run after it. A saved machine that does not load is dropped, and an earlier one used.
 * @returns The VM and the results of the steps that it contains.
 */
export async function startAgain(
  inputs: VmInputs,
  checkpoints: SandboxCheckpoints | null,
  reruns: SandboxReruns,
  create: CreateVm,
) {
  const { sandbox, hooks } = inputs;
  const memo = await reruns.memo();
  await reruns.begin({ sandbox, keys: await readKeys(inputs, memo), checkpoints });
  for (;;) {
    const start = await reruns.choose();
    try {
      const vm = await createFrom(inputs, start, reruns, create);
      reruns.use(vmOptionsOf(inputs), inputs.image.key);
      return { vm, steps: start.steps };
    } catch (error) {
      const isOfStart = start.directory !== null && isSavedMachineFault(error);
      if (!isOfStart || hooks.signal.aborted) throw error;
      await reruns.refuse(start, error);
    }
  }
}
