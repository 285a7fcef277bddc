import { expect, it } from 'vitest';
import { requestReadings } from '../../../../../src/net/http/exchange/judge/request-readings.ts';

const POST = { method: 'POST', path: '/a?b=c' };

it.each<[string, string[], string[]]>([
  ['no override', ['accept', '*/*'], ['POST /a?b=c']],
  ['a method', ['X-HTTP-Method-Override', ' DELETE '], ['POST /a?b=c', 'DELETE /a?b=c']],
  ['a method with underscores', ['x_http_method', 'PUT'], ['POST /a?b=c', 'PUT /a?b=c']],
  ['a path', ['X-Original-URL', '/admin'], ['POST /a?b=c', 'POST /admin']],
  ['a URL', ['X-Rewrite-URL', 'https://x.test/admin?y'], ['POST /a?b=c', 'POST /admin?y']],
  [
    'both',
    ['X-Method-Override', 'PUT', 'X-Forwarded-Uri', 'admin'],
    ['POST /a?b=c', 'PUT /a?b=c', 'POST /admin', 'PUT /admin'],
  ],
])(
  'requestReadings() gives what a server may take a request with %s for',
  (_what, fields, want) => {
    const readings = requestReadings(POST, fields) ?? [];
    expect(readings.map(({ method, path }) => `${method} ${path}`)).toEqual(want);
  },
);

it('requestReadings() reads _method of the query, and takes at most four of a kind', () => {
  const readings = requestReadings({ method: 'POST', path: '/a?x=1&_method=delete' }, []);
  expect(readings?.map(({ method }) => method)).toEqual(['POST', 'delete']);
  const five = Array.from({ length: 5 }, () => ['x-http-method', 'PUT']).flat();
  expect(requestReadings(POST, five.slice(2))).toHaveLength(5);
  expect(requestReadings(POST, five)).toBeNull();
});
