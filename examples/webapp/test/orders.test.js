const assert = require('node:assert/strict');
const { test } = require('node:test');

const api = process.env.API_URL;
const get = async (path) => {
  const response = await fetch(`${api}${path}`);
  return [response.status, await response.json()];
};
const post = async (body) => {
  const response = await fetch(`${api}/orders`, { method: 'POST', body: JSON.stringify(body) });
  return [response.status, await response.json()];
};

test('the orders of the schema are there', async () => {
  assert.deepEqual(await get('/orders'), [200, { count: 1000, cents: 5_005_000 }]);
});

test('an order is found by its id', async () => {
  assert.deepEqual(await get('/orders/7'), [200, { id: 7, item: 'item 7', cents: 70 }]);
  assert.deepEqual(await get('/orders/999999'), [404, { error: 'no such order' }]);
});

test('an order is added, and then found', async () => {
  const [status, { id }] = await post({ item: 'tea', cents: 250 });
  assert.equal(status, 201);
  assert.deepEqual(await get(`/orders/${id}`), [200, { id, item: 'tea', cents: 250 }]);
});

test('a wrong order is refused', async () => {
  assert.equal((await post({ item: 'tea', cents: 0 }))[0], 400);
  assert.equal((await get('/nothing'))[0], 404);
});

test('a hundred orders at once are all kept', async () => {
  const orders = Array.from({ length: 100 }, (_, n) => post({ item: `many ${n}`, cents: n + 1 }));
  const ids = (await Promise.all(orders)).map(([, { id }]) => id);
  assert.equal(new Set(ids).size, 100);
});
