import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

/** Which processes a signal goes to: the command itself, its process group, or all its descendants. */
export type KillScope = 'process' | 'group' | 'tree';

/** How a command ended: exactly one of `code` 0..255 and `signal` 1..64 is a number. */
export interface CommandStatus {
  readonly code: number | null;
  readonly signal: number | null;
  readonly isOutOfMemory: boolean;
}

/** What the agent gives for a started command. */
export interface RunningCommand {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<CommandStatus>;
  kill(signal: number, scope: KillScope): Promise<void>;
}

/** Name of a signal's number, or null for one without a name here. */
export function signalName(signal: number): NodeJS.Signals | null {
  const entry = Object.entries(constants.signals).find(([, value]) => value === signal);
  return entry === undefined ? null : (entry[0] as NodeJS.Signals);
}
