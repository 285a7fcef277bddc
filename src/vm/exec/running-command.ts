import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { KillScope } from '../../agent/guest-process.ts';
import type { TerminalSize } from '../../protocol/host-message.ts';

/** Exit of a command: exactly one of `code` 0..255 and `signal` 1..64 is a number. */
export interface CommandStatus {
  readonly code: number | null;
  readonly signal: number | null;
  readonly isOutOfMemory: boolean;
}

/** A started command, as the agent returns it. */
export interface RunningCommand {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<CommandStatus>;
  kill(signal: number, scope: KillScope): Promise<void>;
  /** Changes the size of the command's terminal. */
  resize(size: TerminalSize): Promise<void>;
}

/** Returns the name of a signal's number, or null for a number without a name here. */
export function signalName(signal: number): NodeJS.Signals | null {
  const entry = Object.entries(constants.signals).find(([, value]) => value === signal);
  return entry === undefined ? null : (entry[0] as NodeJS.Signals);
}
