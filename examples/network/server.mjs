// The service of this example: `node server.mjs`, Ctrl-C ends it. It answers on this machine's loopback only.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const token = readFileSync(new URL('demo-token.txt', import.meta.url), 'utf8').trim();

const server = createServer((request, response) => {
  if (request.url !== '/whoami') {
    response.end(`${request.method} ${request.url}\n`);
    return;
  }
  const isKnown = request.headers.authorization === `Bearer ${token}`;
  response.statusCode = isKnown ? 200 : 401;
  // An echo of the credential, as careless servers do.
  response.end(`${isKnown ? 'welcome' : 'who are you'}: ${request.headers.authorization}\n`);
});

server.listen(8080, '127.0.0.1', () => console.log('listening on 127.0.0.1:8080'));
