import { GondolinError } from '../../errors/gondolin-error.ts';
import { saveMachine } from '../../machine/save-machine.ts';
import type { Machine } from '../../machine/start-machine.ts';
import type { CloneIdentity } from '../../protocol/host-message.ts';
import type { TemplateStore } from './template-store.ts';
import { type FreezableGuest, whileFrozen } from './while-frozen.ts';

export interface Template extends FreezableGuest {
  readonly machine: Machine;
  readonly templateKey: string;
  readonly templates: TemplateStore;
  /** Names its image, for people. */
  readonly imageTitle: string;
}

/**
 * Saves a booted guest as the template of its kind, then resumes it with `identity`. A guest that could not be saved is
 * resumed too: the next start of its kind boots again.
 * @param onWarning  Receives the reason when it was not saved.
 * @throws {GondolinError} when the guest cannot be resumed.
 */
export async function saveTemplate(
  { templates, templateKey, machine, imageTitle, ...guest }: Template,
  identity: () => CloneIdentity,
  onWarning: (message: string) => void,
): Promise<void> {
  const outcome = await whileFrozen(guest, identity, ({ counterKhz }) =>
    templates.add(
      templateKey,
      { image: imageTitle, memoryBytes: machine.spec.memoryBytes },
      async (directory) => {
        await saveMachine(machine, directory);
        const { bytesIn = 0, bytesOut = 0 } = guest.fuse ?? {};
        return { channel: { bytesIn, bytesOut }, counterKhz };
      },
    ),
  );
  if (outcome.status === 'fulfilled') return;
  if (!GondolinError.is(outcome.reason)) throw outcome.reason;
  onWarning(`the machine was not saved for warm starts: ${outcome.reason.message}`);
}
