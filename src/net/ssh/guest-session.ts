import { writeChunk } from '../../util/channel-write.ts';
import type { ServerChannel, Session } from './ssh2.ts';

/** Variables that are passed on: git asks for its protocol version by this one. */
const PASSED = { GIT_PROTOCOL: /^version=[0-2]$/ } as const;

/** The two kinds of session that a guest can ask for. */
export interface SessionHandler {
  exec(channel: ServerChannel, command: string, env: Readonly<Record<string, string>>): void;
  /** Anything but a command: a shell, or a subsystem by its name. */
  other(channel: ServerChannel, asked: string): void;
}

/** Ends a channel of the guest with a text on its stderr and an exit code. */
export async function endChannel(channel: ServerChannel, text: string, code: number) {
  // Untrusted text must not move the cursor of the guest's terminal.
  const plain = text.replaceAll(/[^\x20-\x7e\n\u00a0-\uffff]/g, '?');
  await writeChunk(channel.stderr, `gondolin: ${plain}\n`, channel);
  channel.exit(code);
  channel.end();
}

/** Serves one session: the terminal, X11, agents and variables other than git's are refused. */
export function serveGuestSession(session: Session, handler: SessionHandler): void {
  const env: Record<string, string> = {};
  session.on('env', (accept, reject, { key, val }) => {
    const isPassed = key === 'GIT_PROTOCOL' && PASSED.GIT_PROTOCOL.test(val);
    if (isPassed) env[key] = val;
    // Neither exists for a request that wants no reply.
    (isPassed ? accept : reject)?.();
  });
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept?.();
    if (channel !== undefined) handler.exec(channel, command, env);
  });
  session.on('shell', (accept) => {
    const channel = accept?.();
    if (channel !== undefined) handler.other(channel, 'shell');
  });
  session.on('subsystem', (accept, _reject, { name }) => {
    const channel = accept?.();
    if (channel !== undefined) handler.other(channel, name);
  });
}
