import { GondolinError } from '../errors/gondolin-error.ts';
import type { QmpClient } from './qmp.ts';

/** Device state is 335 KB; a busy host with a slow disk still manages that in this time. */
const MIGRATION_LIMIT_MS = 20_000;

/** RAM that lives in a file or descriptor stays there; QEMU says when it has finished. Both ends need the same. */
const CAPABILITIES = ['x-ignore-shared', 'events'].map((capability) => ({
  capability,
  state: true,
}));

/**
 * Runs one of QEMU's two migration commands to its end.
 * @throws {GondolinError} MACHINE_STATE_FAILED when QEMU says that it failed or takes 20 s; MACHINE_QMP_….
 */
export async function migrate(
  qmp: QmpClient,
  command: 'migrate' | 'migrate-incoming',
  uri: string,
): Promise<void> {
  const end = migrationEnd(qmp);
  try {
    await qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES });
    await qmp.execute(command, { uri });
    await end.done;
  } finally {
    end.stop();
  }
}

function migrationEnd(qmp: QmpClient): { done: Promise<void>; stop(): void } {
  let stop = () => {};
  const done = new Promise<void>((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new GondolinError('MACHINE_STATE_FAILED', `The machine's state: ${reason}`));
    const timer = setTimeout(
      () => fail(`not done in ${MIGRATION_LIMIT_MS} ms`),
      MIGRATION_LIMIT_MS,
    );
    const forget = qmp.onEvent(({ name, data }) => {
      if (name !== 'MIGRATION') return;
      if (data['status'] === 'completed') resolve();
      if (data['status'] === 'failed') fail('QEMU refused it');
    });
    // A QEMU that refuses a state ends; then the monitor does too.
    void qmp.closed.then((error) => reject(error));
    stop = () => {
      clearTimeout(timer);
      forget();
    };
  });
  done.catch(() => undefined);
  return { done, stop };
}
