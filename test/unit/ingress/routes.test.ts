import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { findRoute, pathForServer } from '../../../src/ingress/routes/ingress-route.ts';
import {
  formatListeners,
  MAX_LISTENERS_BYTES,
  parseListeners,
} from '../../../src/ingress/routes/listeners-text.ts';
import { RouteTable } from '../../../src/ingress/routes/route-table.ts';

it('parseListeners() reads routes, comments, options and blank lines', () => {
  const text = `# all
/ :8000

/api/ :9000 strip_prefix=false # kept
\t/static   :9001  strip_prefix=true later=1\r
`;
  expect(parseListeners(text)).toEqual([
    { prefix: '/', port: 8000, stripPrefix: true },
    { prefix: '/api', port: 9000, stripPrefix: false },
    { prefix: '/static', port: 9001, stripPrefix: true },
  ]);
});

it.each([
  ['api :8000', ':1: the prefix'],
  ['\n/api 8000', ':2: the prefix is not followed by a port'],
  ['/api', 'is not followed by a port'],
  ['/api :0', 'is not followed by a port'],
  ['/api :65536', 'is not followed by a port'],
  ['/api :127.0.0.1:80', 'is not followed by a port'],
  ['/a/../b :80', 'plain form, /b'],
  ['/a%zz\u00e9 :80', 'the prefix is not a path'],
  ['/api :80 strip_prefix', 'name=value'],
  ['/api :80 strip_prefix=yes', 'neither true nor false'],
  ['/api :80\n/api/ :81', 'two routes have the prefix /api'],
  [`/${'a'.repeat(1_024)} :80`, 'the prefix is not a path'],
  [Array.from({ length: 257 }, (_, index) => `/${index} :80`).join('\n'), 'more than 256 routes'],
  ['#'.repeat(MAX_LISTENERS_BYTES + 1), 'longer than'],
])('parseListeners() refuses %j', (text, problem) => {
  expect(() => parseListeners(text)).toThrow(
    expect.objectContaining({
      code: 'INGRESS_ROUTES_INVALID',
      message: expect.stringContaining(problem),
    }),
  );
});

it('parseListeners() gives routes or INGRESS_ROUTES_INVALID for any text', () => {
  const line = fc.stringMatching(/^\/[a-z/%.#]{0,8} :?[0-9]{0,6} ?[a-z_=]{0,20}$/);
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(line).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        for (const { prefix, port } of parseListeners(text)) {
          expect(prefix).toMatch(/^\//);
          expect(port).toBeGreaterThan(0);
        }
      } catch (error) {
        expect(GondolinError.is(error) && error.code).toBe('INGRESS_ROUTES_INVALID');
      }
    }),
  );
});

it('formatListeners() writes what parseListeners() reads', () => {
  const routes = [
    { prefix: '/', port: 1, stripPrefix: true },
    { prefix: '/b/c', port: 65_535, stripPrefix: false },
  ];
  expect(parseListeners(formatListeners(routes))).toEqual(routes);
  expect(formatListeners([{ prefix: '/x/', port: 80 }])).toBe('/x :80\n');
});

it.each([
  [[{ prefix: 'x', port: 80 }], 'routes[0]'],
  [[{ prefix: '/x\n/y', port: 80 }], 'routes[0]'],
  [[{ prefix: '/x', port: 0 }], 'routes[0]'],
  [
    [
      { prefix: '/x', port: 80 },
      { prefix: '/x', port: 81 },
    ],
    'two routes',
  ],
])('formatListeners() refuses %j', (routes, problem) => {
  expect(() => formatListeners(routes)).toThrow(
    expect.objectContaining({
      code: 'INGRESS_ROUTES_INVALID',
      message: expect.stringContaining(problem),
    }),
  );
});

const ROUTES = parseListeners('/ :1\n/api :2\n/api/v2 :3 strip_prefix=false\n');

it.each([
  ['/', 1, '/'],
  ['/about', 1, '/about'],
  ['/apix', 1, '/apix'],
  ['/api', 2, '/'],
  ['/api/', 2, '/'],
  ['/api/users', 2, '/users'],
  ['/api/v2', 3, '/api/v2'],
  ['/api/v2/x', 3, '/api/v2/x'],
  ['/api/v22', 2, '/v22'],
])('findRoute() sends %s to the server on port %i as %s', (path, port, target) => {
  const route = findRoute(ROUTES, path);
  expect(route?.port).toBe(port);
  expect(route && pathForServer(route, path)).toBe(target);
});

it('findRoute() finds nothing where no prefix covers the path', () => {
  expect(findRoute(parseListeners('/api :2\n'), '/')).toBeNull();
});

/** A table over a file in memory, with a clock that the test moves. */
function tableOf(text: string | null) {
  const state = { text, reads: 0, nowMs: 0 };
  const file = {
    read: async () => {
      state.reads += 1;
      return state.text;
    },
    write: async (next: string) => {
      state.text = next;
    },
  };
  return { state, table: new RouteTable(file, () => state.nowMs) };
}

it('RouteTable reads the file once for the requests of a second', async () => {
  const { state, table } = tableOf('/ :1\n');
  await Promise.all([table.routes(), table.routes()]);
  await table.routes();
  expect(state.reads).toBe(1);
  state.text = '/ :2\n';
  state.nowMs = 1_000;
  expect((await table.routes())[0]?.port).toBe(2);
  expect(state.reads).toBe(2);
});

it('RouteTable reads again on reload and after a write, and takes a missing file for no routes', async () => {
  const { state, table } = tableOf(null);
  expect(await table.routes()).toEqual([]);
  state.text = '/ :2\n';
  expect((await table.reload())[0]?.port).toBe(2);
  const written = table.write('/ :3\n');
  expect((await table.routes())[0]?.port).toBe(3);
  await written;
});

it('RouteTable recovers from a file with a mistake', async () => {
  const { state, table } = tableOf('nonsense');
  await expect(table.routes()).rejects.toMatchObject({ code: 'INGRESS_ROUTES_INVALID' });
  state.text = '/ :2\n';
  expect((await table.reload())[0]?.port).toBe(2);
});
