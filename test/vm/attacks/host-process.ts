import type { Attack } from './attack.ts';
import { get, lines, plain, webSocket } from './guest-lines.ts';

const FIRST = lines('GET / HTTP/1.1', 'Host: denied.test');

/**
 * What once ended the host process, and every VM with it, with nothing allowed. Few, so that each is tried in every run:
 * the rows behind them need the process to live.
 */
export const HOST_PROCESS_ATTACKS: readonly Attack[] = [
  {
    name: 'a request and a WebSocket handshake in one write',
    line: () =>
      plain('denied.test', 80, Buffer.concat([Buffer.from(FIRST), webSocket('denied.test', [])])),
    sees: /403 Forbidden[\s\S]*403 Forbidden/,
  },
  {
    name: 'a request and CONNECT in one write',
    line: () =>
      plain('denied.test', 80, `${FIRST}${lines('CONNECT x:1 HTTP/1.1', 'Host: denied.test')}`),
    sees: /403 Forbidden[\s\S]*403 Forbidden/,
  },
  {
    name: 'a request, an upgrade to h2c and 60 more requests in one write',
    line: () =>
      plain(
        'denied.test',
        80,
        `${FIRST}${get('denied.test', '/', 'Connection: Upgrade', 'Upgrade: h2c')}${FIRST.repeat(60)}`,
      ),
    sees: /403 Forbidden[\s\S]*403 Forbidden/,
  },
];
