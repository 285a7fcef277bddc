// The API: orders in PostgreSQL, as JSON over HTTP.
const { createServer } = require('node:http');
const { Pool } = require('pg');

const pool = new Pool({ connectionString: process.env.DATABASE_URL });

async function listOrders() {
  const { rows } = await pool.query(
    'SELECT count(*)::int AS count, sum(cents)::int AS cents FROM orders',
  );
  return { status: 200, body: rows[0] };
}

async function findOrder(id) {
  const { rows } = await pool.query('SELECT id, item, cents FROM orders WHERE id = $1', [id]);
  return rows.length === 0
    ? { status: 404, body: { error: 'no such order' } }
    : { status: 200, body: rows[0] };
}

async function addOrder(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  const { item, cents } = JSON.parse(text);
  if (typeof item !== 'string' || !Number.isInteger(cents) || cents <= 0) {
    return { status: 400, body: { error: 'want an item and cents above 0' } };
  }
  const { rows } = await pool.query(
    'INSERT INTO orders (item, cents) VALUES ($1, $2) RETURNING id',
    [item, cents],
  );
  return { status: 201, body: rows[0] };
}

function route(request) {
  const order = /^\/orders\/(\d{1,9})$/.exec(request.url);
  if (request.method === 'GET' && order !== null) return findOrder(Number(order[1]));
  if (request.method === 'GET' && request.url === '/orders') return listOrders();
  if (request.method === 'POST' && request.url === '/orders') return addOrder(request);
  return { status: 404, body: { error: 'no such path' } };
}

async function answerRequest(request, response) {
  let answer;
  try {
    answer = await route(request);
  } catch (error) {
    answer = { status: 500, body: { error: String(error) } };
  }
  response.writeHead(answer.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer.body));
}

const server = createServer((request, response) => void answerRequest(request, response));

// Node closes a connection 5 s after its last request, also under a client that is about to use it again.
server.keepAliveTimeout = 60_000;
server.listen(3000, '127.0.0.1', () => console.log('listening on port 3000'));
process.on('SIGTERM', () => process.exit(0));
