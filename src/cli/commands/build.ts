import { relative, resolve } from 'node:path';
import { formatImageTag } from '../../address/image-tag.ts';
import type { BuildConfig } from '../../config/build/build-config.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { hostPlatform } from '../../host/image-environment.ts';
import { readImageTag, taggedDirectory } from '../../image/tags/tag-store.ts';
import type { ImageRecipe } from '../../plan/plan.ts';
import { formatBytes } from '../../util/quantities.ts';
import type { CommandRun } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { usageError } from '../usage-error.ts';

interface BuildFlags {
  readonly config?: string;
  readonly output?: string;
  readonly tag?: string;
  readonly arch?: string;
  readonly initConfig?: boolean;
  readonly verify?: string;
  readonly quiet?: boolean;
}

function shownPath(io: CliIo, path: string): string {
  const near = relative(io.cwd, path);
  return near === '' || near.startsWith('..') ? path : `./${near}`;
}

/** Returns a configuration to start from, for this machine. */
function startConfig(): string {
  const { arch, release } = hostPlatform();
  const config = {
    arch,
    distro: 'debian',
    debian: { release, rootfsPackages: ['ca-certificates', 'curl'] },
    rootfs: { label: 'gondolin-root' },
    env: {},
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

async function readConfig(io: CliIo, flags: BuildFlags): Promise<BuildConfig> {
  const { DEFAULT_BUILD_CONFIG } = await import('../../config/build/build-config.ts');
  const config =
    flags.config === undefined ? DEFAULT_BUILD_CONFIG : await openConfig(io, flags.config);
  if (flags.arch === undefined) return config;
  if (flags.arch === 'x86_64' || flags.arch === 'aarch64') return { ...config, arch: flags.arch };
  throw usageError(`--arch ${JSON.stringify(flags.arch)}: want x86_64 or aarch64`);
}

async function openConfig(io: CliIo, name: string): Promise<BuildConfig> {
  const { realFiles } = await import('../../config/file-access.ts');
  const path = resolve(io.cwd, name);
  const { text, problem } = realFiles.readText(path);
  if (text === undefined) {
    throw new GondolinError('CONFIG_NOT_FOUND', `cannot read ${path}: ${problem}`, {
      hint: 'Write one with: gondolin build --init-config > build-config.json',
    });
  }
  const { readBuildConfig } = await import('../../config/build/read-build-config.ts');
  return readBuildConfig({ path, text: text.replace(/^\uFEFF/, '') }, realFiles);
}

async function verify(io: CliIo, directory: string, isQuiet: boolean): Promise<number> {
  const { verifyImageDirectory } = await import('../../image/build/image-directory.ts');
  const { files, manifest } = await verifyImageDirectory(directory, io.signal);
  for (const { name, sizeBytes, sha256, problem } of isQuiet ? [] : files) {
    const state = problem === null ? 'ok' : `FAILED: ${problem}`;
    await writeText(io.stdout, `${name}  ${formatBytes(sizeBytes)}  sha256:${sha256}  ${state}\n`);
  }
  const bad = files.filter(({ problem }) => problem !== null);
  if (bad.length === 0) {
    if (!isQuiet)
      await writeText(
        io.stdout,
        `${plainText(manifest.title)}: every file is as its manifest says\n`,
      );
    return 0;
  }
  const list = bad.map(({ name, problem }) => `${name}: ${problem}`).join('; ');
  throw new GondolinError('IMAGE_INVALID', `The image at ${directory} is damaged: ${list}`, {
    details: { path: directory, files: bad.map(({ name }) => name).join(' ') },
  });
}

async function build(io: CliIo, flags: BuildFlags, mode: Mode): Promise<number> {
  const { checkOccupied } = await import('../../image/build/image-directory.ts');
  const { planBuild } = await import('../../plan/plan-build.ts');
  const target = readTarget(io, flags);
  const config = await readConfig(io, flags);
  const recipe = planBuild(config, hostPlatform());
  // Before minutes of work.
  for (const { directory } of target) await checkOccupied(directory);
  for (const { directory, shown, use } of target) {
    const sizeBytes = await buildInto(io, { recipe, config, output: directory, mode, shown });
    if (flags.quiet !== true) {
      const text = `Built ${plainText(shown)}, ${formatBytes(sizeBytes)}. Use it: ${plainText(use)}\n`;
      await writeText(io.stdout, text);
    }
  }
  return 0;
}

/** One place that an image is built into. */
interface Target {
  readonly directory: string;
  /** The directory or the name, for people, and how it is used. */
  readonly shown: string;
  readonly use: string;
}

/** The places of `--output` and `--tag`. The second one takes what was built from the cache. */
function readTarget(io: CliIo, { output, tag }: BuildFlags): Target[] {
  const targets: Target[] = [];
  if (tag !== undefined) {
    const name = readImageTag(tag);
    const directory = taggedDirectory(resolveDirectories(io.env).taggedImages, name);
    const shown = formatImageTag(name);
    targets.push({ directory, shown, use: `gondolin bash --image ${shown}` });
  }
  if (output !== undefined) {
    const directory = resolve(io.cwd, output);
    const shown = shownPath(io, directory);
    targets.push({ directory, shown, use: `GONDOLIN_GUEST_DIR=${shown} gondolin bash` });
  }
  return targets;
}

type Mode = 'tty' | 'plain' | 'json' | 'quiet';

interface Building {
  readonly recipe: ImageRecipe;
  readonly config: BuildConfig;
  readonly output: string;
  readonly mode: Mode;
  /** The output for people. */
  readonly shown: string;
}

/** Returns the size of the image. */
async function buildInto(io: CliIo, building: Building): Promise<number> {
  const { withImageProgress } = await import('../ui/progress/image-progress.ts');
  const { imageCacheOptions } = await import('../../vm/image-cache-options.ts');
  const { buildImageDirectory } = await import('../../image/build/build-image-directory.ts');
  const { recipe, config, output, mode, shown } = building;
  const onWarning = (message: string) =>
    void writeText(io.stderr, `warning: ${plainText(message)}\n`);
  return withImageProgress(io, mode, `build ${plainText(shown)}`, async (onProgress) => {
    const { setUpInVm } = await import('../../vm/image-setup/set-up-in-vm.ts');
    const options = { ...imageCacheOptions(onWarning, io.env), env: io.env, setUp: setUpInVm };
    const about = { label: config.rootfs.label, env: config.env };
    const manifest = await buildImageDirectory(
      { recipe, directory: output, ...about, maxRootfsBytes: config.rootfs.maxBytes },
      { ...options, signal: io.signal, onProgress },
    );
    return Object.values(manifest.files).reduce((sum, file) => sum + file.sizeBytes, 0);
  });
}

/** `build`: builds an image into a directory or under a name, or prints a configuration, or checks a directory. */
export const buildCommand: CommandRun<BuildFlags> = async ({ io, options }) => {
  const output = options.output ?? options.tag;
  const wanted = [options.initConfig, options.verify, output].filter(Boolean);
  if (wanted.length !== 1) {
    throw usageError(
      'build: want one of --output DIR (or --tag NAME, or both), --init-config and --verify DIR',
      'Build an image with: gondolin build --config build-config.json --output DIR',
    );
  }
  if (options.initConfig === true) {
    await writeText(io.stdout, startConfig());
    return 0;
  }
  const isQuiet = options.quiet === true;
  if (options.verify !== undefined) return verify(io, resolve(io.cwd, options.verify), isQuiet);
  const { resolveProgress } = await import('../ui/progress/progress-mode.ts');
  const mode = isQuiet ? 'quiet' : resolveProgress(options.progress, io);
  return build(io, options, mode);
};
