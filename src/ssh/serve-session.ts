import { RunningSession, type SessionTerminal, shellArgv } from './run-session.ts';
import { serveSftp } from './sftp/serve-sftp.ts';
import type { SshGuest } from './ssh-guest.ts';
import type { ServerChannel, Session } from './ssh2.ts';

/** Variables that one client may set, and bytes of each. */
const MAX_VARIABLES = 64;
const MAX_VALUE_CHARS = 32 * 1024;
const MAX_SIDE = 65_535;

function terminalSize({ rows, cols }: { readonly rows: number; readonly cols: number }) {
  // A client without a terminal says 0.
  const side = (value: number, usual: number) => (value < 1 || value > MAX_SIDE ? usual : value);
  return { rows: side(rows, 24), columns: side(cols, 80) };
}

/** Serves one session: a command, a shell or SFTP, with the terminal and variables that were asked for before. */
export function serveSession(
  session: Session,
  guest: SshGuest,
  connection: Readonly<Record<string, string>>,
): void {
  const env: Record<string, string> = {};
  let terminal: SessionTerminal | null = null;
  let running: RunningSession | null = null;
  const start = (channel: ServerChannel | undefined, command: string | null): void => {
    if (channel === undefined) return;
    const argv = shellArgv(command);
    running = new RunningSession(guest, channel, {
      argv,
      env: { ...connection, ...env },
      terminal,
    });
    void running.run();
  };
  session.on('env', (accept, reject, { key, val }) => {
    const isFit = /^[A-Za-z_]\w{0,127}$/.test(key) && !val.includes('\0');
    const hasRoom = Object.keys(env).length < MAX_VARIABLES && val.length <= MAX_VALUE_CHARS;
    if (isFit && hasRoom) env[key] = val;
    (isFit && hasRoom ? accept : reject)?.();
  });
  // The types lack TERM.
  session.on('pty', (accept, _reject, info: { rows: number; cols: number; term?: string }) => {
    const { term = '' } = info;
    terminal = { ...terminalSize(info), term: /^[\w.+-]{1,64}$/.test(term) ? term : '' };
    accept?.();
  });
  session.on('window-change', (accept, _reject, info) => {
    const size = terminalSize(info);
    if (terminal !== null) terminal = { ...terminal, ...size };
    running?.resize(size.rows, size.columns);
    accept?.();
  });
  session.on('signal', (accept, _reject, { name }) => {
    running?.signal(name);
    accept?.();
  });
  session.on('exec', (accept, _reject, { command }) => start(accept?.(), command));
  session.on('shell', (accept) => start(accept?.(), null));
  session.on('subsystem', (accept, reject, { name }) => {
    if (name !== 'sftp') {
      reject?.();
      return;
    }
    const channel = accept?.();
    if (channel !== undefined) void serveSftp(channel, guest.files);
  });
}
