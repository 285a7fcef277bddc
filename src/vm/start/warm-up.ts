import { setTimeout as delay } from 'node:timers/promises';
import type { AgentClient } from '../../agent/agent-client.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { toArgv } from '../guest-command.ts';

/** Commands that load what nearly every first command needs from the disk, also the directories of PATH; an image may lack them. */
export const FIRST_COMMANDS: readonly string[][] = [['true'], toArgv(':')];
const ROUNDS = 2;
/** The kernel refines its clock's rate one second after its start, and frees what only the boot needed. */
const QUIET_MS = 1_200;

/**
 * Warms up a booted guest before it is saved, so that its template includes what the first command would do for the first
 * time (read the C library and the shell, fill caches) and what the kernel still does after its boot.
 */
export async function warmUp(agent: AgentClient): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const argv of FIRST_COMMANDS) await tryOut(agent, argv);
  }
  await settle();
}

/** Waits until the kernel has done what it does after its boot. */
export async function settle(): Promise<void> {
  await delay(QUIET_MS);
}

/** Runs a command to its end, whatever it is; one that the image lacks is skipped. */
export async function tryOut(agent: AgentClient, argv: string[]): Promise<void> {
  try {
    const command = await agent.exec({ argv, stdout: 'pipe', stderr: 'pipe' });
    command.stdout?.resume();
    command.stderr?.resume();
    await command.exited;
  } catch (error) {
    if (!GondolinError.is(error) || !error.code.startsWith('AGENT_EXEC_')) throw error;
  }
}
