import { once } from 'node:events';
import { ProjectHost } from '../../project/background/project-host.ts';
import { defaultParallel } from '../../project/run-plan.ts';
import { RunningSandboxes } from '../../project/running-sandboxes.ts';
import { aborted } from '../../project/service/pause.ts';
import { errorData } from '../../session/error-reply.ts';
import { boolean, decodeValue, object, text } from '../../util/json-decoder.ts';
import { memoryForVms } from '../../vm/pool/memory-limit.ts';
import type { CommandRun } from '../command-context.ts';
import { usageError } from '../usage-error.ts';
import { targetLoader } from './load-target.ts';
import type { BackgroundFacts } from './start-background.ts';

const backgroundFacts = object<BackgroundFacts>({
  directory: text(),
  file: text(),
  name: text(),
  isNamed: boolean,
});

/** Tells the process that started this one how that went, and closes the channel to it. */
async function report(message: object): Promise<void> {
  await new Promise((resolve) => process.send?.(message, resolve));
  if (process.connected) process.disconnect();
}

/** The process that has a project in the background, until `gondolin down` or SIGTERM. */
export const backgroundCommand: CommandRun = async ({ io }) => {
  if (process.send === undefined) {
    throw usageError('this command is started by `gondolin up -d` only');
  }
  const [message] = await once(process, 'message');
  const decoded = decodeValue(message, backgroundFacts);
  if (!decoded.ok) throw usageError(decoded.problem);
  let host: ProjectHost;
  try {
    const load = targetLoader(io, new RunningSandboxes());
    const limits = { maxParallel: defaultParallel(), memoryBytes: memoryForVms() };
    const how = { isBackground: true, load, ...limits };
    host = await ProjectHost.open({ ...decoded.value, ...how });
  } catch (error) {
    await report({ kind: 'failed', error: errorData(error) });
    return 0;
  }
  // Neither the control socket nor a VM that has ended keeps Node alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  await report({ kind: 'ready' });
  await Promise.race([host.ended, aborted(io.signal)]);
  if (io.signal.aborted) await host.project.stopAll(io.signal.reason);
  await host.close();
  clearInterval(alive);
  return 0;
};
