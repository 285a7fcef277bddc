import { GondolinError } from '../../errors/gondolin-error.ts';
import { saveMachine } from '../../machine/save-machine.ts';
import type { Machine } from '../../machine/start-machine.ts';
import type { CloneIdentity } from '../../protocol/host-message.ts';
import type { TemplateStore } from './template-store.ts';
import { type FreezableGuest, whileFrozen } from './while-frozen.ts';

export interface Template extends FreezableGuest {
  readonly machine: Machine;
  /** Names its kind. */
  readonly templateKey: string;
  readonly templates: TemplateStore;
  /** What its image is, for people. */
  readonly imageTitle: string;
}

/**
 * Saves a booted guest as the template of its kind, before it is anyone's; then it goes on, as whom `identity` says. A
 * guest that could not be saved goes on too: starts of its kind stay cold.
 * @param onWarning  Hears why it was not saved.
 * @throws {GondolinError} when it does not go on.
 */
export async function saveTemplate(
  { templates, templateKey, machine, imageTitle, ...guest }: Template,
  identity: () => CloneIdentity,
  onWarning: (message: string) => void,
): Promise<void> {
  const outcome = await whileFrozen(guest, identity, () =>
    templates.add(
      templateKey,
      { image: imageTitle, memoryBytes: machine.spec.memoryBytes },
      async (directory) => {
        await saveMachine(machine, directory);
        return { bytesIn: guest.fuse?.bytesIn ?? 0, bytesOut: guest.fuse?.bytesOut ?? 0 };
      },
    ),
  );
  if (outcome.status === 'fulfilled') return;
  if (!GondolinError.is(outcome.reason)) throw outcome.reason;
  onWarning(`the machine was not saved for warm starts: ${outcome.reason.message}`);
}
