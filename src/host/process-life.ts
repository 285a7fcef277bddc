import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * One process, distinguishable from a later one with the same pid. `startTicks` is field 22 of /proc/PID/stat
 * (clock ticks since boot); `pidNamespace` is a number for the pid namespace and its machine, because a pid means nothing
 * to a process in another container, or on another machine, that shares the directory.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
  readonly pidNamespace: number;
}

/** `unknown`: the process belongs to another pid namespace or machine, so this one cannot tell. */
export type Life = 'alive' | 'dead' | 'unknown';

/** State letter and start time of one /proc/PID/stat text; null when it is not such a text. Pure. */
export function parseProcessStat(
  text: string,
): { readonly state: string; readonly startTicks: number } | null {
  // The second field is the command's name in parentheses; it may itself hold spaces and parentheses.
  const afterName = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = afterName[0];
  const startTicks = Number(afterName[19]);
  if (state === undefined || !/^[A-Za-z]$/.test(state) || !Number.isSafeInteger(startTicks)) {
    return null;
  }
  return { state, startTicks };
}

/** Returns the process that has this pid now; null without one, or if it only waits to be reaped. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const stat = parseProcessStat(text);
  if (stat === null || stat.state === 'Z' || stat.state === 'X') return null;
  return { pid, startTicks: stat.startTicks, pidNamespace: ownPidNamespace() };
}

let ownIdentity: ProcessIdentity | undefined;

/** This process. Reads /proc once. */
export function identifyOwnProcess(): ProcessIdentity {
  ownIdentity ??= identifyProcess(process.pid) ?? undefined;
  if (ownIdentity === undefined) {
    throw new Error(`/proc/${process.pid}/stat cannot be read: is /proc mounted?`);
  }
  return ownIdentity;
}

let pidNamespace: number | undefined;

function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'latin1').trim();
  } catch {
    // Containers have none; their host names differ.
    return '';
  }
}

/**
 * Returns a number for a pid namespace of one machine, below 2^40. The first namespace of every machine has the same inode, so
 * the machine is part of it. Pure.
 */
export function namespaceNumber(machine: string, host: string, namespace: string): number {
  const text = JSON.stringify([machine, host, namespace]);
  return Number.parseInt(createHash('sha256').update(text).digest('hex').slice(0, 10), 16);
}

function ownPidNamespace(): number {
  pidNamespace ??= namespaceNumber(machineId(), hostname(), readlinkSync('/proc/self/ns/pid'));
  return pidNamespace;
}

/** Decides if that very process still runs; a zombie counts as dead. */
export function lifeOf(identity: ProcessIdentity): Life {
  if (identity.pidNamespace !== ownPidNamespace()) return 'unknown';
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks ? 'alive' : 'dead';
}

/**
 * Sends the signal if that very process still runs; true when it was sent. Another user's process is left alone.
 * A pid reused between the check and the signal would take 4 million forks in microseconds.
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (lifeOf(identity) !== 'alive') return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    // ESRCH: it ended just now. EPERM: not ours to end.
    return false;
  }
}

/** Processes of this pid namespace that have exactly this argument on their command line. */
export function findProcessesByArgument(argument: string): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || !commandLine(pid).includes(argument)) continue;
    const identity = identifyProcess(pid);
    if (identity !== null) found.push(identity);
  }
  return found;
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended while we looked.
    return [];
  }
}

/** An identity as part of a file name: `<namespace>-<pid>-<start>`. */
export function formatOwner(identity: ProcessIdentity): string {
  return `${identity.pidNamespace}-${identity.pid}-${identity.startTicks}`;
}

/** Reads what `formatOwner` wrote at the start of `text`; null when it is something else. Pure. */
export function parseOwner(text: string): ProcessIdentity | null {
  const match = /^(\d{1,15})-(\d{1,10})-(\d{1,15})(?:-|$)/.exec(text);
  if (match === null) return null;
  const [, namespace, pid, startTicks] = match;
  return {
    pidNamespace: Number(namespace),
    pid: Number(pid),
    startTicks: Number(startTicks),
  };
}
