import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname } from 'node:path';
import { confineProgramPath } from './package-root.ts';

/** A program and its arguments, ready for `spawn`. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** Ids that no account has. Each program gets a user id of the range; all share the group. */
export interface FreeIds {
  readonly group: number;
  readonly firstUser: number;
  readonly users: number;
}

/** The parts of confinement that this host allows; found out by `chooseConfinement`. */
export interface Confinement {
  /** Null keeps the ids of this process; for root these are 0, then without any capability. */
  readonly ids: FreeIds | null;
  /** Files, network, IPC and host name of its own. */
  readonly hasOwnRoot: boolean;
  /** Without a root of its own: it opens only its files and makes no socket. False where it has one. */
  readonly hasLandlock: boolean;
}

/** The ids, files and network of this process; still without privileges, capabilities and core files. */
export const LEAST_CONFINED: Confinement = { ids: null, hasOwnRoot: false, hasLandlock: false };

/** Files that a confined program needs besides the system's programs and libraries. Absolute paths. */
export interface ConfinedFiles {
  /** @default none */
  readonly read?: readonly string[];
  /** Opened for writing too. @default none */
  readonly data?: readonly string[];
  /** @default none */
  readonly devices?: readonly string[];
}

/** Programs, libraries and their data; on systems that link programs by store paths, the stores. */
const SYSTEM_DIRECTORIES = [
  ...['/usr', '/lib', '/lib32', '/lib64', '/libx32', '/bin', '/sbin'],
  ...['/etc/alternatives', '/nix/store', '/gnu/store'],
];
const SYSTEM_FILES = ['/etc/ld.so.cache'];
const SYSTEM_DEVICES = ['/dev/null', '/dev/urandom'];

/**
 * Wraps a command so that it runs with little to lose: it ends with this process (also by kill -9), keeps its pid, can gain no
 * privileges, writes no core file, has no capability, and is apart from the host as far as `confinement` goes. Spawn it with
 * an empty environment.
 * @param counterKhz  Does not start it where the processor's counter runs at another rate; 0 starts it anywhere.
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT when the wrapper is not built.
 * @see guest/host/confine.c
 */
export function confine(
  { file, args }: Command,
  { ids, hasOwnRoot, hasLandlock }: Confinement,
  files: ConfinedFiles = {},
  counterKhz = 0,
): Command {
  const user = ids === null ? [] : ['--user', String(pickUser(ids)), '--group', String(ids.group)];
  const way = [...(hasOwnRoot ? ['--root'] : []), ...(hasLandlock ? ['--landlock'] : [])];
  const limits = way.length === 0 ? [] : [...way, ...shown(file, files)];
  const life = ['--parent', String(process.pid)];
  const counter = counterKhz === 0 ? [] : ['--counter-khz', String(counterKhz)];
  const own = [...life, ...user, ...limits, ...counter];
  return { file: confineProgramPath(), args: [...own, '--', file, ...args] };
}

/** At random: machines of different users of a host must not be one user. */
function pickUser({ firstUser, users }: FreeIds): number {
  return firstUser + Math.floor(Math.random() * users);
}

function shown(program: string, { read = [], data = [], devices = [] }: ConfinedFiles): string[] {
  const items = [
    ...[...SYSTEM_DIRECTORIES, ...programDirectories(program)].map((path) => ['--dir', path]),
    ...[...SYSTEM_FILES, program, ...read].map((path) => ['--file', path]),
    ...data.map((path) => ['--data', path]),
    ...[...SYSTEM_DEVICES, ...devices].map((path) => ['--device', path]),
  ];
  return items.flat();
}

/** Returns the prefix of a program that is not the system's: `/opt/qemu` for `/opt/qemu/bin/qemu`. Never a home. */
function programDirectories(program: string): string[] {
  const directory = dirname(program);
  if (basename(directory) !== 'bin') return [];
  const prefix = dirname(directory);
  const isAboveHome = `${homedir()}/`.startsWith(`${prefix === '/' ? '' : prefix}/`);
  return isAboveHome ? [] : [prefix];
}

/** True for a file that programs of this group may read and write. */
export function isGroupFile(path: string, group: number): boolean {
  const { gid, mode } = statSync(path);
  return gid === group && (mode & 0o060) === 0o060;
}
