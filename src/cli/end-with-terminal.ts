import { isatty } from 'node:tty';

const STANDARD_FDS = [0, 1, 2];

const terminals = STANDARD_FDS.filter((fd) => isatty(fd));

/**
 * Ends this process as the system would have ended it, by SIGHUP, if its terminal is gone; else does nothing. Node 20 resets
 * the terminal when it exits, and crashes if that fails.
 */
export function endWithTerminal(): void {
  if (terminals.every((fd) => isatty(fd))) return;
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}
