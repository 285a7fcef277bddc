import type { Duplex } from 'node:stream';
import type { GuestProgram } from '../../agent/guest-process.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Accelerator } from '../../host/accelerator.ts';
import { isColdForced } from '../../host/cold-start.ts';
import { hostPlatform } from '../../host/image-environment.ts';
import { ensureImage } from '../../image/ensure-image.ts';
import type { BootImage } from '../../image/guest-image.ts';
import type { ProcessorTime } from '../../machine/processor-time.ts';
import type { Machine } from '../../machine/start-machine.ts';
import { guestFailure } from '../guest-failure.ts';
import { GuestFiles } from '../guest-files.ts';
import { imageCacheOptions } from '../image-cache-options.ts';
import { createNamelessIdentity } from './clone-identity.ts';
import { bootGuest } from './cold.ts';
import { restoreGuest } from './restore.ts';
import { createStartContext } from './start-context.ts';
import { startLimits } from './start-limits.ts';
import type { StartedGuest } from './started-guest.ts';
import { startFromTemplate } from './template.ts';

export interface LoneProgramOptions {
  /** A static program on the host. */
  readonly hostPath: string;
  /** Its place in the guest's root directory. */
  readonly guestPath: string;
  /** Its arguments; the same for all machines of this program. */
  readonly args: readonly string[];
  /** RAM of the machine. */
  readonly memoryBytes: number;
  /** Speaks to a program that was just started, until it is as each machine of it begins: that is saved as the template. */
  readonly prepare: (channel: Duplex) => Promise<void>;
  /**
   * Speaks to the program of a new machine until it can be used. That of a copy of the template begins with the time and the random
   * numbers of the template, and gets its own (`isCopy`); what is written first waits in the channel while QEMU loads the machine.
   */
  readonly greet: (channel: Duplex, isCopy: boolean) => Promise<void>;
  /** A directory that `save` filled: its machine continues. @default a new machine */
  readonly from?: string;
}

/** A machine that has one program and nothing else: no root file system, no mounts, no network. */
export interface LoneProgram {
  /** The program's standard input and output: the machine's file channel, which no other process of the guest has. */
  readonly channel: Duplex;
  /** Sends a signal to the program's process group; resolves once the guest's kernel has it. */
  signal(signal: number): Promise<void>;
  /** Resolves with the reason when the program or the machine has ended. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * Saves the machine with all its processes into an existing, empty directory; they continue afterwards, and in a copy too.
   * @throws {GondolinError} MACHINE_STATE_FAILED; the error that ended the guest.
   */
  save(directory: string): Promise<void>;
  readonly accelerator: Accelerator;
  /**
   * Gives a reader of what the machine's processor has used; it reads null when the machine has ended.
   * @throws {GondolinError} as `QmpClient.execute`.
   */
  openProcessorTime(): Promise<() => ProcessorTime | null>;
  /** If false, Node does not wait for the machine. */
  keepAlive(isKept: boolean): void;
  /** Ends the machine. May be called twice; never throws. */
  close(): Promise<void>;
}

/**
 * Gives a machine in which the program runs and is prepared. On failure nothing keeps running.
 * @throws {GondolinError} as `VM.create`; SNAPSHOT_REFUSED; what `prepare` throws.
 */
export async function startLoneProgram(options: LoneProgramOptions): Promise<LoneProgram> {
  const image = await programImage(options);
  try {
    return runningProgram(await startGuest(image, options), () => image.release());
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
  readonly program: GuestProgram;
  readonly templateKey: string;
  /** Makes the agent take requests. */
  readonly wakeAgent: () => Promise<void>;
}

/**
 * The agent of a copy is woken this long after its program: it tells when the program ends, and starts with 2,000 blocks of code to
 * translate, for which nobody has to wait.
 */
const AGENT_DELAY_MS = 100;

async function startGuest(image: BootImage, lone: LoneProgramOptions): Promise<LoneGuest> {
  // A writable root is the initramfs: there is nothing to seal, and no scratch to mount.
  const options = { memory: lone.memoryBytes, sandbox: { rootOverlay: true } };
  const limits = startLimits(options);
  const log = () => undefined;
  let program: GuestProgram | null = null;
  const launch = async ({ agent, machine }: StartedGuest) => {
    program = await agent.startProgram([lone.guestPath, ...lone.args]);
    const exited = program.exited.then(({ code, signal }) => {
      const how = `it ended with ${code ?? `signal ${signal}`}`;
      throw new GondolinError('ERR_GUEST_ABORT', `${lone.guestPath} did not start: ${how}`);
    });
    await Promise.race([lone.prepare(machine.fs), exited]);
  };
  try {
    const context = await createStartContext({
      options,
      image,
      network: null,
      log,
      files: new GuestFiles(options, log),
      limit: limits.exceeded,
      onMachine: (machine) => limits.watch(machine),
      identity: createNamelessIdentity,
      ...(lone.from === undefined
        ? { greetRestored: (machine: Machine) => lone.greet(machine.fs, true) }
        : {}),
      prepareTemplate: async (guest) => {
        const { settle } = await import('./warm-up.ts');
        await launch(guest);
        await settle();
      },
    });
    const isCold = lone.from === undefined && isColdForced();
    const guest = await (lone.from === undefined
      ? isCold
        ? bootGuest(context)
        : startFromTemplate(context)
      : restoreGuest(context, lone.from));
    try {
      if (isCold) await Promise.race([launch(guest), limits.exceeded]);
      if (lone.from === undefined && guest.thaw === undefined) {
        await Promise.race([lone.greet(guest.machine.fs, false), limits.exceeded]);
      }
      return {
        ...guest,
        program: program ?? guest.agent.adoptProgram(),
        templateKey: context.templateKey,
        wakeAgent: wakeLater(guest),
      };
    } catch (error) {
      await guest.machine.kill();
      throw error;
    }
  } finally {
    limits.release();
  }
}

/** Wakes the agent of a copy a little later, or when it is needed, if that is before. */
function wakeLater({ thaw }: StartedGuest): () => Promise<void> {
  if (thaw === undefined) return () => Promise.resolve();
  let woken: Promise<void> | undefined;
  const wake = () => {
    woken ??= thaw();
    return woken;
  };
  // A machine that has ended by then needs no agent; what else fails ends its session.
  setTimeout(() => void wake().catch(() => undefined), AGENT_DELAY_MS).unref();
  return wake;
}

function runningProgram(
  { agent, machine, session, program, templateKey, wakeAgent }: LoneGuest,
  release: () => Promise<void>,
): LoneProgram {
  const failure = guestFailure({ machine, session, fuse: null });
  const exited = program.exited.then(({ code, signal }) => `exit ${code ?? `by signal ${signal}`}`);
  const ended = Promise.race([exited, failure]).catch((error: unknown) => String(error));
  return {
    channel: machine.fs,
    ended,
    async signal(signal) {
      await wakeAgent();
      await program.kill(signal);
    },
    async save(directory) {
      await wakeAgent();
      const { saveGuest } = await import('../snapshot/save-guest.ts');
      const nothing = { fuse: null, mountTargets: [], diskTargets: [], network: null };
      await saveGuest({ machine, agent, templateKey, ...nothing }, directory);
    },
    accelerator: machine.accelerator,
    async openProcessorTime() {
      const { openProcessorTime } = await import('../../machine/processor-time.ts');
      return openProcessorTime(machine.pid, machine.qmp);
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
