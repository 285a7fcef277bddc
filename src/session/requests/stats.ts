import type { Readable } from 'node:stream';
import { readProcessUsage } from '../../host/process-usage.ts';
import { object } from '../../util/json-decoder.ts';
import { sessionFailed } from '../control-line.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';
import { type GuestUsage, parseGuestUsage, type SessionStats } from '../session-stats.ts';
import type { SessionVm } from '../session-vm.ts';

/** Time for the guest to answer. */
const GUEST_LIMIT_MS = 5_000;
/** Most bytes that are read of its answer, which has about 2 KiB. */
const MAX_ANSWER_BYTES = 64 * 1024;

async function readBounded(stream: Readable | null): Promise<string> {
  let text = '';
  if (stream === null) return text;
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > MAX_ANSWER_BYTES) throw sessionFailed('the answer of the guest is too long');
  }
  return text;
}

/** Asks the guest. It is hostile, so that whatever goes wrong is no more than a missing answer. */
async function askGuest(vm: SessionVm): Promise<GuestUsage | null> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), GUEST_LIMIT_MS).unref();
  try {
    const asked = vm.exec(['cat', '/proc/meminfo', '/proc/loadavg'], {
      stdin: false,
      stdout: 'pipe',
      stderr: 'pipe',
      env: {},
      cwd: '/',
      user: '0',
      signal: stop.signal,
    });
    const [text] = await Promise.all([readBounded(asked.stdout), readBounded(asked.stderr), asked]);
    return parseGuestUsage(text);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** Returns what the VM uses of the host, and what its guest says. */
export const statsRequest: RequestKind<object> = {
  decoder: object({}),
  run: async (_request, session): Promise<SessionStats> => {
    const vm = runningVm(session);
    const { execCount } = vm;
    const guest = await askGuest(vm);
    const usage = readProcessUsage(vm.qemuPid);
    if (usage === null) throw sessionFailed('its QEMU has ended');
    return {
      uptimeMs: Date.now() - session.facts.createdAtMs,
      ...usage,
      execCount,
      detachedCount: session.commands.runningCount,
      guest,
    };
  },
};
