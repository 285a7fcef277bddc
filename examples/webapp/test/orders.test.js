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

test('orders are counted and summed', async () => {
  // While the services are up the database keeps what earlier runs of these tests added to the 1,000 of the schema.
  const [, before] = await get('/orders');
  assert.ok(before.count >= 1000);
  await post({ item: 'a pot', cents: 900 });
  assert.deepEqual(await get('/orders'), [
    200,
    { count: before.count + 1, cents: before.cents + 900 },
  ]);
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
