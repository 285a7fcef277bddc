import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestImage, SetUpImage, SetupWork } from '../../image/guest-image.ts';
import { NetworkTally } from '../../net/audit/network-tally.ts';
import type { ImageSetup } from '../../plan/plan.ts';
import type { VMNetwork } from '../guest-network.ts';
import type { VM } from '../vm.ts';
import type { VMOptions } from '../vm-options.ts';
import { CommandOutput } from './command-output.ts';
import { GuestOwnFiles } from './guest-own-files.ts';
import { refusedRequests } from './refused-requests.ts';
import { rootForm } from './root-archive.ts';

/** Half of it is for what the commands write. */
const MEMORY = '4GiB';
const CPUS = 2;
const START_TIMEOUT_MS = 180_000;
/** Most bytes of the files of one root. */
const MAX_ROOT_BYTES = 32 * 2 ** 30;
const EXPORT_FROM = 0.8;

/** The part of a VM that a setup uses. */
export type SetupVm = Pick<VM, 'fs' | 'exec' | 'close'>;
/** `VM.create`: imported here, it would import itself. */
export type CreateSetupVm = (options: VMOptions) => Promise<SetupVm>;

/** @see SetUpImage */
export async function setUpImage(
  create: CreateSetupVm,
  base: GuestImage,
  work: SetupWork,
): ReturnType<SetUpImage> {
  const { onEvent, signal } = work;
  const startedAtMs = Date.now();
  const tally = new NetworkTally();
  say(work, 'setup', 'starting a VM for the setup of the image', 0);
  const vm = await create(vmOptions(base, work, tally));
  try {
    const own = await GuestOwnFiles.of(vm.fs, base.rootfsPath, signal);
    await copyFiles(vm, work);
    await runCommands(vm, work);
    say(work, 'export', 'reading the root file system of the VM', EXPORT_FROM);
    return await exportRoot(vm, own, startedAtMs, work);
  } finally {
    await vm.close();
    const key = 'to a build configuration: postBuild.allowedHosts';
    for (const message of refusedRequests(tally, 'the setup', key)) {
      onEvent({ level: 'warning', artifact: 'rootfs', phase: 'network', message, fraction: null });
    }
  }
}

function say({ onEvent }: SetupWork, phase: string, message: string, fraction: number): void {
  onEvent({ level: 'info', artifact: 'rootfs', phase, message, fraction });
}

function vmOptions(
  image: GuestImage,
  { setup, signal }: SetupWork,
  tally: NetworkTally,
): VMOptions {
  return {
    image,
    // Used once: a template would only take space.
    cold: true,
    ...{ cpus: CPUS, memory: MEMORY, user: '0:0', cwd: '/', startTimeoutMs: START_TIMEOUT_MS },
    sandbox: { rootOverlay: true },
    network: toNetwork(setup.network),
    sessionLabel: 'setup of an image',
    signal,
    onNetworkEvent: (event) => void tally.add(event),
  };
}

function toNetwork({ allowedHosts, allowedPrivate, extraHosts }: ImageSetup['network']): VMNetwork {
  return {
    policy: {
      allowedHosts,
      allowedPrivate,
      extraHosts: extraHosts.map(({ name, address, port }) =>
        port === null ? { name, address } : { name, address, port },
      ),
    },
  };
}

async function copyFiles(vm: SetupVm, { setup, signal }: SetupWork): Promise<void> {
  for (const { hostPath, guestPath } of setup.copy) {
    await vm.fs.mkdir(posix.dirname(guestPath), { recursive: true, signal });
    await vm.fs.copyIn(hostPath, guestPath, { signal });
  }
}

/** @throws {GondolinError} IMAGE_SETUP_FAILED with the output of the command that failed. */
async function runCommands(vm: SetupVm, work: SetupWork): Promise<void> {
  const { commands } = work.setup;
  for (const [index, command] of commands.entries()) {
    const [firstLine = ''] = command.trim().split('\n');
    const title = `setup ${index + 1} of ${commands.length}: ${firstLine.slice(0, 100)}`;
    const fraction = (EXPORT_FROM * index) / commands.length;
    const { onEvent, signal } = work;
    say(work, `setup ${index + 1}`, title, fraction);
    const output = new CommandOutput((message) =>
      onEvent({ level: 'info', artifact: 'rootfs', phase: 'output', message, fraction: null }),
    );
    const result = await vm.exec(command, { stdout: output, stderr: output, signal });
    signal.throwIfAborted();
    if (result.exitCode !== 0) throw commandFailed(title, result, output.tail);
  }
}

function commandFailed(
  title: string,
  { exitCode, signal }: { readonly exitCode: number; readonly signal: string | null },
  tail: readonly string[],
): GondolinError {
  const end = signal === null ? `exit code ${exitCode}` : `exit code ${exitCode} (${signal})`;
  const lines = tail.map((line) => `\n  ${line}`).join('');
  return new GondolinError(
    'IMAGE_SETUP_FAILED',
    `Cannot build the image: ${title}: ended with ${end}${lines}`,
    { details: { exitCode } },
  );
}

async function exportRoot(
  vm: SetupVm,
  own: GuestOwnFiles,
  startedAtMs: number,
  { archivePath, signal }: SetupWork,
): Promise<{ sizeBytes: number; sha256: string }> {
  const { names, entries } = await own.cleaned(vm.fs, signal);
  const form = rootForm({
    without: names,
    isForeignLink: (target) => own.isForeignLink(target),
    startedAtMs,
  });
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const chunks = async function* (): AsyncGenerator<Buffer> {
    const rest = vm.fs.archiveChunks('/', { maxBytes: MAX_ROOT_BYTES, signal }, form);
    for (const part of [entries, rest]) {
      for await (const chunk of part) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        yield chunk;
      }
    }
  };
  await pipeline(chunks, createWriteStream(archivePath, { mode: 0o600 }), { signal });
  return { sizeBytes, sha256: hash.digest('hex') };
}
