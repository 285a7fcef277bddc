import { basename, dirname, join } from 'node:path';
import type { GuestArch } from '../host/tools.ts';

/** Returns the path of the agent for a processor, from that for x86-64. */
export function agentPathFor(agentPath: string, arch: GuestArch): string {
  return arch === 'x86_64' ? agentPath : join(dirname(agentPath), arch, basename(agentPath));
}
