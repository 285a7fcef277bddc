import { matchesParts } from '../../util/wildcard.ts';
import type { InstalledPackage, UnknownOwner } from './merge-packages.ts';

/** Where apk itself puts the scripts that it runs. */
export const SCRIPTS_DIRECTORY = 'lib/apk/exec';

/** A program to run as root in the new image, before anything else runs in it; it has to exit with 0. */
export interface AlpineScript {
  /** `NAME-VERSION`, for messages. */
  readonly package: string;
  /** `owners` gives files to users that a script of the package has created. */
  readonly kind: 'pre-install' | 'owners' | 'post-install' | 'trigger';
  /** Absolute, in the image; it is not needed afterwards. */
  readonly path: string;
  readonly args: readonly string[];
  readonly content: Buffer;
}

/**
 * The scripts that apk runs when it installs packages, in its order: of each package those around its installation, and in the
 * end the triggers. Unlike with apk all files are there from the start.
 */
export function listScripts(packages: readonly InstalledPackage[]): AlpineScript[] {
  const scripts = [...packages.flatMap(installScripts), ...triggerScripts(packages)];
  const digits = String(scripts.length).length;
  return scripts.map((script, index) => {
    const number = String(index + 1).padStart(digits, '0');
    return { ...script, path: `/${SCRIPTS_DIRECTORY}/${number}-${script.package}.${script.kind}` };
  });
}

type Unnamed = Omit<AlpineScript, 'path'>;

function installScripts({ file, unknownOwners }: InstalledPackage): Unnamed[] {
  const { name, version } = file.pkg;
  const script = (kind: AlpineScript['kind'], content: Buffer | undefined): Unnamed[] =>
    content === undefined
      ? []
      : [{ package: `${name}-${version}`, kind, args: [version], content }];
  const before = file.scripts.get('pre-install');
  // Nobody else creates them: without such a script the numbers of the package stay, as with apk.
  const owners = before === undefined ? undefined : ownersScript(unknownOwners);
  return [
    ...script('pre-install', before),
    ...script('owners', owners),
    ...script('post-install', file.scripts.get('post-install')),
  ];
}

function ownersScript(owners: readonly UnknownOwner[]): Buffer | undefined {
  if (owners.length === 0) return undefined;
  const lines = owners.flatMap(({ path, user, group, mode }) => {
    const file = quote(`/${path}`);
    return [
      ...(user === '' ? [] : [ifKnown('passwd', user, `chown -h ${quote(user)} ${file}`)]),
      ...(group === '' ? [] : [ifKnown('group', group, `chgrp -h ${quote(group)} ${file}`)]),
      // A new owner takes these bits away.
      ...((mode & 0o6000) === 0 ? [] : [`chmod ${mode.toString(8)} ${file}`]),
    ];
  });
  return Buffer.from(`#!/bin/sh -e\n${lines.join('\n')}\n`, 'latin1');
}

/** A name that is not known yet keeps its number, as with apk. */
function ifKnown(file: string, name: string, command: string): string {
  return `if cut -d: -f1 /etc/${file} | grep -Fqx -- ${quote(name)}; then ${command}; fi`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function triggerScripts(packages: readonly InstalledPackage[]): Unnamed[] {
  const directories = changedDirectories(packages);
  return packages.flatMap(({ file }) => {
    const content = file.scripts.get('trigger');
    const patterns = file.info.triggers.map((trigger) => trigger.replace(/^\+/, '').split('/'));
    const args = directories.filter((path) =>
      patterns.some((parts) => matchesParts(parts, path.split('/'))),
    );
    if (content === undefined || args.length === 0) return [];
    const { name, version } = file.pkg;
    return [{ package: `${name}-${version}`, kind: 'trigger' as const, args, content }];
  });
}

/** Absolute paths of the directories that packages have files in, each once, sorted. */
function changedDirectories(packages: readonly InstalledPackage[]): string[] {
  const found = new Set<string>();
  for (const { entries } of packages) {
    for (const { path, entry } of entries.values()) {
      if (entry.type === 'directory') continue;
      const slash = path.lastIndexOf('/');
      found.add(slash < 0 ? '/' : `/${path.slice(0, slash)}`);
    }
  }
  return [...found].toSorted();
}
