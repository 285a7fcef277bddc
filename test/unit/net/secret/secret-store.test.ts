import { describe, expect, it } from 'vitest';
import type { HeaderList } from '../../../../src/net/secret/header-list.ts';
import { createPlaceholder, PLACEHOLDER_LENGTH } from '../../../../src/net/secret/placeholder.ts';
import { checkSecretValue } from '../../../../src/net/secret/secret-value.ts';
import {
  basic,
  P,
  prepare,
  SEED,
  storeOf,
  TLS,
  VALUE,
} from '../../../fixtures/net/secret-bench.ts';

describe('placeholders', () => {
  it('SecretStore gives the guest a placeholder that depends on seed and name only', () => {
    const env = storeOf().env;
    expect(env).toEqual({ TOKEN: P });
    expect(P).toMatch(/^GONDOLIN_SECRET_[0-9a-f]{32}$/);
    expect(P).toHaveLength(PLACEHOLDER_LENGTH);
    expect(storeOf({ value: checkSecretValue('TOKEN', 'another value') }).env).toEqual(env);
    expect(createPlaceholder('OTHER', SEED)).not.toBe(P);
    expect(createPlaceholder('TOKEN', Buffer.alloc(32, 8))).not.toBe(P);
  });

  it('createPlaceholder() refuses a seed that could be guessed', () => {
    expect(() => createPlaceholder('A', Buffer.alloc(15))).toThrow(
      expect.objectContaining({ code: 'NET_SECRET_INVALID' }),
    );
  });
});

describe('injection', () => {
  it.each([
    { name: 'a bearer token', field: ['Authorization', `Bearer ${P}`], want: `Bearer ${VALUE}` },
    { name: 'a field of its own', field: ['x-api-key', P], want: VALUE },
    {
      name: 'a cookie',
      field: ['Cookie', `a=1; session=${P}; b=2`],
      want: `a=1; session=${VALUE}; b=2`,
    },
    {
      name: 'the password of Basic',
      field: ['Authorization', basic(`user:${P}`)],
      want: basic(`user:${VALUE}`),
    },
    {
      name: 'the user of Basic',
      field: ['authorization', basic(`${P}:x-oauth`)],
      want: basic(`${VALUE}:x-oauth`),
    },
    { name: 'two places', field: ['x-a', `${P} ${P}`], want: `${VALUE} ${VALUE}` },
  ] as const)('prepareRequest() puts the value into $name', ({ field, want }) => {
    const result = prepare(storeOf(), [['accept', '*/*'], field]);
    expect(result.leak).toBeNull();
    expect(result.used).toEqual(['TOKEN']);
    expect(result.headers).toContainEqual([field[0], want]);
    expect(result.headers).toContainEqual(['accept', '*/*']);
  });

  it('prepareRequest() puts in a value as it is, whatever String.replace reads in it', () => {
    const odd = "$& $1 $' $$ é";
    const store = storeOf({ value: checkSecretValue('TOKEN', odd) });
    const { headers } = prepare(store, [['x-key', P]]);
    const text = headers.find(([name]) => name === 'x-key')?.[1] ?? '';
    expect(Buffer.from(text, 'latin1').toString('utf8')).toBe(odd);
  });

  it('prepareRequest() keeps a request to a host without secrets as it is', () => {
    const headers: HeaderList = [
      ['Range', 'bytes=0-9'],
      ['accept-encoding', 'gzip'],
      ['authorization', basic('user:password')],
    ];
    const elsewhere = { ...TLS, host: 'other.example.com' };
    const result = prepare(storeOf(), headers, elsewhere, '/a?b=c');
    expect(result).toEqual({ headers, target: '/a?b=c', used: [], scrub: [], leak: null });
  });

  it('prepareRequest() asks for no range and no compression when the answer has to be scrubbed', () => {
    const { headers } = prepare(storeOf(), [
      ['Range', 'bytes=0-9'],
      ['If-Range', '"x"'],
      ['Accept-Encoding', 'gzip, br'],
      ['x-api-key', P],
    ]);
    expect(headers).toEqual([
      ['x-api-key', VALUE],
      ['accept-encoding', 'identity'],
    ]);
  });

  it('prepareRequest() has every response of a listed host scrubbed, whether a value was sent or not', () => {
    const store = storeOf();
    expect(prepare(store, []).scrub).toEqual(['TOKEN']);
    expect(prepare(store, [['accept-encoding', 'gzip']]).headers).toEqual([
      ['accept-encoding', 'identity'],
    ]);
    expect(prepare(store, [], { ...TLS, isTls: false }).scrub).toEqual(['TOKEN']);
    expect(prepare(store, [], { ...TLS, host: 'a.cdn.example.com' }).scrub).toEqual(['TOKEN']);
    expect(prepare(store, [], { ...TLS, host: 'other.example.com' }).scrub).toEqual([]);
  });

  it('prepareRequest() puts a value into the query only when that is asked for', () => {
    const odd = checkSecretValue('TOKEN', 'a b&c=d');
    const target = `/v1?key=${P}&x=1`;
    const given = prepare(storeOf({ query: true, value: odd }), [], TLS, target);
    expect(given).toMatchObject({
      target: '/v1?key=a%20b%26c%3Dd&x=1',
      used: ['TOKEN'],
      leak: null,
    });
    expect(prepare(storeOf(), [], TLS, target).leak).toEqual({
      kind: 'leak',
      secret: 'TOKEN',
      place: 'query',
      where: 'query',
      reason: 'place',
    });
    expect(prepare(storeOf({ query: true }), [], TLS, `/${P}?a=1`).leak?.where).toBe('path');
  });

  it('prepareRequest() gives each secret to its own hosts', () => {
    const store = storeOf(
      {},
      { name: 'OTHER', hosts: ['b.example.com'], value: checkSecretValue('OTHER', 'other-value') },
    );
    const other = store.env['OTHER'] ?? '';
    expect(prepare(store, [['x', P]]).used).toEqual(['TOKEN']);
    expect(prepare(store, [['x', `${P}${other}`]]).leak).toEqual({
      kind: 'leak',
      secret: 'OTHER',
      place: 'header',
      where: 'header x',
      reason: 'host_not_listed',
    });
    expect(prepare(store, [['x', other]], { ...TLS, host: 'B.example.com.' }).used).toEqual([
      'OTHER',
    ]);
  });
});

describe('hosts', () => {
  it.each([
    { host: 'API.Example.COM', port: 443, isListed: true },
    { host: 'api.example.com.', port: 8443, isListed: true },
    { host: 'a.cdn.example.com', port: 443, isListed: true },
    { host: 'a.b.cdn.example.com', port: 443, isListed: false },
    { host: 'cdn.example.com', port: 443, isListed: false },
    { host: 'evilcdn.example.com', port: 443, isListed: false },
    { host: 'xapi.example.com', port: 443, isListed: false },
    { host: 'api.example.com.evil.test', port: 443, isListed: false },
    { host: '', port: 443, isListed: false },
  ])('prepareRequest() to $host is $isListed', ({ host, port, isListed }) => {
    const result = prepare(storeOf(), [['x', P]], { host, port, isTls: true });
    expect(result.leak === null).toBe(isListed);
  });

  it('prepareRequest() heeds the port of an entry', () => {
    const store = storeOf({ hosts: ['api.example.com:8443', '[::1]:9000', '192.0.2.7'] });
    const leaks = [
      { ...TLS, port: 8443 },
      { ...TLS, port: 443 },
      { host: '::1', port: 9000, isTls: true },
      { host: '::1', port: 9001, isTls: true },
      { host: '192.0.2.7', port: 1, isTls: true },
    ].map((place) => prepare(store, [['x', P]], place).leak?.reason ?? null);
    expect(leaks).toEqual([null, 'host_not_listed', null, 'host_not_listed', null]);
  });

  it.each([
    [],
    ['*'],
    ['*.'],
    ['a b'],
    ['https://a.example'],
    ['a.example:0'],
    ['a.example:70000'],
    ['*.[::1]'],
    ['a/b'],
    ['db.example:5432/tcp'],
  ])('SecretStore refuses the host list [%s]', (...hosts) => {
    expect(() => storeOf({ hosts: hosts.filter((host) => host !== undefined) })).toThrow(
      expect.objectContaining({ code: 'NET_SECRET_INVALID' }),
    );
  });

  it('SecretStore refuses /tcp, and shows no entry: it may be the end of a value', () => {
    for (const entry of ['db.example:5432/tcp', 's3cr3t tail']) {
      expect(() => storeOf({ hosts: ['a.example', entry] })).toThrow(
        expect.objectContaining({
          code: 'NET_SECRET_INVALID',
          message: expect.stringMatching(/^Secret TOKEN: host 2 cannot be used: [^/']+$/),
        }),
      );
    }
  });
});
