// The model and the forge of this example: `node server.mjs`, Ctrl-C ends it. It answers on this machine's loopback only.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8').trim();
const keys = {
  'model.test': read('demo-model-key.txt'),
  'forge.test': read('demo-forge-token.txt'),
};

/** What this model says about every program. */
function complete(program) {
  return program.replace('total - number', 'total + number');
}

async function answerRequest(request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  const host = request.headers.host ?? '';
  if (request.headers.authorization !== `Bearer ${keys[host]}`) {
    response.statusCode = 401;
    response.end('who are you\n');
  } else if (host === 'model.test') {
    response.end(complete(body));
  } else {
    response.end(`patch of ${body.split('\n').length} lines received\n`);
  }
}

const server = createServer((request, response) => void answerRequest(request, response));

server.listen(8090, '127.0.0.1', () => console.log('listening on 127.0.0.1:8090'));
