import type { GuestProcess } from '../../agent/guest-process.ts';
import { hostPlatform } from '../../host/image-environment.ts';
import { ensureImage } from '../../image/ensure-image.ts';
import type { BootImage } from '../../image/guest-image.ts';
import { guestFailure } from '../guest-failure.ts';
import { GuestFiles } from '../guest-files.ts';
import { imageCacheOptions } from '../image-cache-options.ts';
import { restoreGuest } from './restore.ts';
import { startUnmounted } from './spare.ts';
import { createStartContext } from './start-context.ts';
import { startLimits } from './start-limits.ts';
import type { StartedGuest } from './started-guest.ts';

export interface LoneProgramOptions {
  /** A static program on the host. */
  readonly hostPath: string;
  /** Its place in the guest's root directory. */
  readonly guestPath: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** RAM of the machine. */
  readonly memoryBytes: number;
  /** Its standard error. @default 'ignore' */
  readonly stderr?: 'pipe' | 'ignore';
  /** A directory that `save` filled: its machine continues, beside the program that this call starts. @default a new machine */
  readonly from?: string;
}

/** A machine that has one program and nothing else: no root file system, no mounts, no network. */
export interface LoneProgram {
  readonly process: GuestProcess;
  /** Sends a signal to the program's process group; resolves once the guest's kernel has it. */
  signal(signal: number): Promise<void>;
  /** Resolves with the reason when the program or the machine has ended. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * Saves the machine with all its processes into an existing, empty directory; they continue afterwards. In a copy the streams of
   * the program are closed.
   * @throws {GondolinError} MACHINE_STATE_FAILED; the error that ended the guest.
   */
  save(directory: string): Promise<void>;
  /** If false, Node does not wait for the machine. */
  keepAlive(isKept: boolean): void;
  /** Ends the machine. May be called twice; never throws. */
  close(): Promise<void>;
}

/**
 * Starts a machine with one program. On failure nothing keeps running.
 * @throws {GondolinError} as `VM.create`; SNAPSHOT_REFUSED.
 */
export async function startLoneProgram(options: LoneProgramOptions): Promise<LoneProgram> {
  const image = await programImage(options);
  try {
    const guest = await startGuest(image, options);
    try {
      return await runProgram(guest, options, () => image.release());
    } catch (error) {
      await guest.machine.kill();
      throw error;
    }
  } catch (error) {
    await image.release();
    throw error;
  }
}

function programImage({ hostPath, guestPath }: LoneProgramOptions): Promise<BootImage> {
  const program = { kind: 'program', mirror: null, hostPath, guestPath } as const;
  // Callers of functions pass no receiver for warnings.
  return ensureImage(
    { ...program, ...hostPlatform() },
    imageCacheOptions((message) => process.emitWarning(message)),
  );
}

interface LoneGuest extends StartedGuest {
  readonly templateKey: string;
}

async function startGuest(
  image: BootImage,
  { memoryBytes, from }: LoneProgramOptions,
): Promise<LoneGuest> {
  // A writable root is the initramfs: there is nothing to seal, and no scratch to mount.
  const options = { memory: memoryBytes, sandbox: { rootOverlay: true } };
  const limits = startLimits(options);
  const log = () => undefined;
  try {
    const context = await createStartContext({
      options,
      image,
      network: null,
      log,
      files: new GuestFiles(options, log),
      limit: limits.exceeded,
      onMachine: (machine) => limits.watch(machine),
    });
    const guest = await (from === undefined
      ? startUnmounted(context)
      : restoreGuest(context, from));
    await Promise.race([guest.ready, limits.exceeded]);
    return { ...guest, templateKey: context.templateKey };
  } finally {
    limits.release();
  }
}

async function runProgram(
  { agent, machine, session, templateKey }: LoneGuest,
  { guestPath, args, stderr = 'ignore' }: LoneProgramOptions,
  release: () => Promise<void>,
): Promise<LoneProgram> {
  const command = await agent.exec({
    argv: [guestPath, ...args],
    cwd: '/',
    stdin: true,
    stdout: 'pipe',
    stderr,
  });
  const failure = guestFailure({ machine, session, fuse: null });
  const exited = command.exited.then(({ code, signal }) => `exit ${code ?? `by signal ${signal}`}`);
  const ended = Promise.race([exited, failure]).catch((error: unknown) => String(error));
  return {
    process: command,
    ended,
    signal: (signal) => agent.kill(command.id, signal, 'group'),
    async save(directory) {
      const { saveGuest } = await import('../snapshot/save-guest.ts');
      const nothing = { fuse: null, mountTargets: [], diskTargets: [], network: null };
      await saveGuest({ machine, agent, templateKey, ...nothing }, directory);
    },
    keepAlive: (isKept) => machine.keepAlive(isKept),
    async close() {
      // Who awaits this must not be the last thing that Node waits for.
      machine.keepAlive(true);
      await machine.kill();
      await release();
    },
  };
}
