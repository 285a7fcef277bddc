import { basename } from 'node:path';
import { lockChanges } from '../../image/lock/lock-changes.ts';
import { formatLock, type ImageLock, readLock } from '../../image/lock/lock-file.ts';
import { lockableReferences } from '../../image/lock/locked-plan.ts';
import { lookUpDigests } from '../../image/lock/look-up-digests.ts';
import { packageChanges } from '../../image/lock/package-changes.ts';
import {
  baseSetName,
  kernelSetName,
  kernelUser,
  type PackagedRecipe,
  packagedRecipes,
  packageSetNames,
} from '../../image/lock/package-sets.ts';
import { resolvePackageSets } from '../../image/lock/resolve-package-sets.ts';
import type { KernelUser } from '../../image/recipe.ts';
import { lockPath } from '../../plan/lock-path.ts';
import type { Plan } from '../../plan/plan.ts';
import { imageCacheOptions } from '../../vm/image-cache-options.ts';
import { type CommandRun, chooseFormat, type GlobalOptions } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { describeLock } from '../lock-text.ts';
import { openUnlockedPlan, planForSandboxes, projectFile } from '../open-project.ts';
import { plainText } from '../ui/text/describe.ts';
import { usageError } from '../usage-error.ts';
import { writeNewFile } from '../write-new-file.ts';

async function referencesOf({ sandboxes }: Plan): Promise<string[]> {
  const references = await Promise.all(sandboxes.map(lockableReferences));
  return [...new Set(references.flat())].toSorted();
}

/** The recipes with packages by the names of their sets. */
function packagedOf({ sandboxes }: Plan): Map<string, PackagedRecipe> {
  const recipes = sandboxes.flatMap(({ image }) => packagedRecipes(image.recipe));
  return new Map(recipes.map((recipe) => [packageSetNames(recipe).whole, recipe]));
}

/** Images that boot the kernel of a release alone, by the names of its sets. */
function kernelsOf({ sandboxes }: Plan): Map<string, KernelUser> {
  const users = sandboxes.flatMap(({ image }) => kernelUser(image.recipe) ?? []);
  return new Map(users.map((user) => [kernelSetName(user), user]));
}

/** Those of a release are asked for together: old packages of one image would not go with a new base. */
function withSameBase(
  chosen: ReadonlyMap<string, PackagedRecipe>,
  whole: ReadonlyMap<string, PackagedRecipe>,
): PackagedRecipe[] {
  const bases = new Set([...chosen.values()].map(baseSetName));
  return [...whole.values()].filter((recipe) => bases.has(baseSetName(recipe)));
}

/** Those that were asked for as they are now, the others of the project as they were. */
function merged<T>(
  known: Readonly<Record<string, T>>,
  wanted: readonly string[],
  found: Readonly<Record<string, T>>,
): Record<string, T> {
  return Object.fromEntries(
    wanted.flatMap((name) => {
      const one = found[name] ?? known[name];
      return one === undefined ? [] : [[name, one]];
    }),
  );
}

export interface LockFlags extends GlobalOptions {
  readonly only?: string;
}

/** The parts of a lock that can be asked for alone. */
const PARTS = ['images', 'packages'] as const;
type LockPart = (typeof PARTS)[number];

/** @throws {GondolinError} CLI_USAGE */
function readOnly(text: string | undefined): readonly LockPart[] {
  if (text === undefined) return PARTS;
  const part = PARTS.find((known) => known === text);
  if (part !== undefined) return [part];
  throw usageError(`--only ${JSON.stringify(text)}: want images or packages`);
}

interface Asked {
  readonly whole: Plan;
  readonly chosen: Plan;
  readonly parts: readonly LockPart[];
}

/** Asks registries and mirrors about the chosen part of a project. */
async function askAbout(
  io: CliIo,
  { whole, chosen, parts }: Asked,
  known: Omit<ImageLock, 'version'>,
) {
  const say = (text: string) => void writeText(io.stderr, `${plainText(text)}\n`);
  const { cacheDirectory, environment = {} } = imageCacheOptions(
    (message) => say(`warning: ${message}`),
    io.env,
  );
  const shared = { env: io.env, environment, signal: io.signal };
  const references = parts.includes('images') ? await referencesOf(chosen) : [];
  const digests = await lookUpDigests(references, {
    ...shared,
    onLookUp: (name) => say(`looking up ${name}`),
  });
  const packaged = packagedOf(whole);
  const asksPackages = parts.includes('packages');
  const recipes = asksPackages ? withSameBase(packagedOf(chosen), packaged) : [];
  const kernels = asksPackages ? [...kernelsOf(chosen).values()] : [];
  const packages = await resolvePackageSets(recipes, kernels, {
    ...{ ...shared, cacheDirectory },
    onResolve: (name) => say(`looking up the packages of ${name}`),
  });
  const sets = [...packaged.values()].flatMap((recipe) => [
    baseSetName(recipe),
    packageSetNames(recipe).whole,
  ]);
  sets.push(...kernelsOf(whole).keys());
  return {
    images: merged(known.images, await referencesOf(whole), digests),
    packages: merged(known.packages, [...new Set(sets)], packages),
  };
}

/**
 * `lock`: asks the registries what the images of the project are now, and the mirrors which packages, and writes both to its lock
 * file. With names, asks only about these sandboxes.
 */
export const lockCommand: CommandRun<LockFlags> = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const parts = readOnly(options.only);
  const whole = await openUnlockedPlan(io, options);
  const chosen = operands.length === 0 ? whole : planForSandboxes(whole, operands, options);
  const path = lockPath(whole.configFiles[0] ?? projectFile(io, options));
  const known = (await readLock(path)) ?? { images: {}, packages: {} };
  const { images, packages } = await askAbout(io, { whole, chosen, parts }, known);
  const changes = lockChanges(known.images, images);
  const changedPackages = packageChanges(known.packages, packages);
  if (changes.length + changedPackages.length > 0) {
    await writeNewFile(io, path, formatLock({ images, packages }), true);
  }
  if (format === 'json') {
    const all = { file: path, images, packages, changes, packageChanges: changedPackages };
    await writeText(io.stdout, `${JSON.stringify(all, null, 2)}\n`);
    return 0;
  }
  const lines = describeLock({
    file: basename(path),
    images: Object.keys(images).length,
    packages: Object.values(packages).reduce((sum, set) => sum + Object.keys(set).length, 0),
    ...{ changes, packageChanges: changedPackages },
  });
  await writeText(io.stdout, `${lines.map((line) => `${plainText(line)}\n`).join('')}`);
  return 0;
};
