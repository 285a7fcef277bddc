import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { prepareSecrets } from '../../../../src/net/http/exchange/secrets/request-secrets.ts';
import type { HeaderList } from '../../../../src/net/secret/header-list.ts';
import { createPlaceholder } from '../../../../src/net/secret/placeholder.ts';
import { decodePercent } from '../../../../src/net/secret/search/percent-decode.ts';
import { SecretStore } from '../../../../src/net/secret/secret-store.ts';
import { checkSecretValue } from '../../../../src/net/secret/secret-value.ts';
import {
  basic,
  P,
  prepare,
  SEED,
  secret,
  storeOf,
  TLS,
  VALUE,
} from '../../../fixtures/net/secret-bench.ts';

describe('leaks', () => {
  const twice = (text: string) => text.replaceAll('_', '%255f');
  it.each([
    { name: 'a framing header', headers: [['Host', P]], where: 'header host' },
    { name: 'a pseudo-header', headers: [[':authority', P]], where: 'header :authority' },
    { name: 'a header name', headers: [[P, '1']], where: 'header name' },
    {
      name: 'base64 that is not Basic',
      headers: [['x-data', Buffer.from(`a${P}`).toString('base64')]],
      where: 'header x-data',
    },
    { name: 'hex', headers: [['x-data', Buffer.from(P).toString('hex')]], where: 'header x-data' },
    { name: 'other capitals', headers: [['x-data', P.toUpperCase()]], where: 'header x-data' },
    {
      name: 'percent-encoding',
      headers: [['x-data', P.replaceAll('_', '%5F')]],
      where: 'header x-data',
    },
    {
      name: 'base64 within Basic',
      headers: [['authorization', basic(Buffer.from(P).toString('base64'))]],
      where: 'header authorization',
    },
    { name: 'Markdown', headers: [['x-data', P.replaceAll('_', '\\_')]], where: 'header x-data' },
    {
      name: 'JSON escapes',
      headers: [['x-data', P.toLowerCase().replaceAll('_', '\\u005F')]],
      where: 'header x-data',
    },
    {
      name: 'percent-encoding of every byte',
      headers: [['x-data', Buffer.from(P).toString('hex').replace(/../g, '%$&')]],
      where: 'header x-data',
    },
    { name: 'the path', target: `/repos/${P}`, where: 'path' },
    { name: 'the path, encoded twice', target: `/repos/${twice(P)}`, where: 'path' },
    {
      name: 'the query in base64url',
      target: `/?q=${Buffer.from(`ab${P}`).toString('base64url')}`,
      where: 'query',
    },
    { name: 'a fragment', target: `/#${P}`, where: 'path' },
  ] as { name: string; headers?: [string, string][]; target?: string; where: string }[])(
    'prepareRequest() refuses a placeholder in $name',
    ({ headers = [], target = '/', where }) => {
      const result = prepare(storeOf(), headers, TLS, target);
      const place = where.split(' ')[0];
      expect(result.leak).toEqual({ kind: 'leak', secret: 'TOKEN', place, where, reason: 'place' });
      expect(result).toMatchObject({ headers: [], target: '', used: [] });
    },
  );

  it('prepareRequest() refuses plain HTTP unless the secret allows it', () => {
    const plain = { ...TLS, port: 80, isTls: false };
    expect(prepare(storeOf(), [['x', P]], plain).leak).toEqual({
      kind: 'leak',
      secret: 'TOKEN',
      place: 'header',
      where: 'header x',
      reason: 'not_tls',
    });
    expect(prepare(storeOf({ allowHttp: true }), [['x', P]], plain).used).toEqual(['TOKEN']);
  });

  it('prepareRequest() puts a value only into the fields that its secret names', () => {
    const store = () => storeOf({ headers: ['Authorization'], query: true });
    const bearer = `Bearer ${P}`;
    expect(prepare(store(), [['authorization', bearer]]).headers).toContainEqual([
      'authorization',
      `Bearer ${VALUE}`,
    ]);
    expect(prepare(store(), [['AUTHORIZATION', basic(`me:${P}`)]]).used).toEqual(['TOKEN']);
    for (const name of ['x-api-key', 'cookie', 'x-forwarded-for']) {
      const { leak } = prepare(store(), [[name, P]]);
      expect(leak).toMatchObject({
        ...{ secret: 'TOKEN', place: 'header', where: `header ${name}`, reason: 'place' },
      });
    }
    expect(prepare(store(), [], TLS, `/?key=${P}`).used).toEqual(['TOKEN']);
  });

  it('prepareRequest() refuses a placeholder for another host, in Basic too', () => {
    const place = { ...TLS, host: 'evil.example' };
    expect(prepare(storeOf(), [['Authorization', basic(`a:${P}`)]], place).leak).toEqual({
      kind: 'leak',
      secret: 'TOKEN',
      place: 'header',
      where: 'header authorization',
      reason: 'host_not_listed',
    });
  });

  it('findLeakInTrailers() finds a placeholder for any host', () => {
    expect(storeOf().findLeakInTrailers([['x', P]], TLS)).toEqual({
      kind: 'leak',
      secret: 'TOKEN',
      place: 'trailer',
      where: 'trailer',
      reason: 'place',
    });
    expect(storeOf().findLeakInTrailers([['x', 'GONDOLIN_SECRET_']], TLS)).toBeNull();
  });

  it('a placeholder of another VM is text like any other', () => {
    const foreign = createPlaceholder('TOKEN', Buffer.alloc(32, 9));
    expect(prepare(storeOf(), [['x', foreign]], { ...TLS, host: 'evil.example' }).leak).toBeNull();
  });
});

describe('values', () => {
  it('nothing of a value is printed with the store or what it makes', () => {
    const store = storeOf();
    const patterns = store.patternsFor(['TOKEN']);
    const plan = store.planResponse(['TOKEN'], { headers: [['x', VALUE]], hasBody: true });
    const things = [
      secret(),
      store,
      patterns,
      plan,
      plan.createTransforms(),
      store.env,
      store.warnings,
    ];
    for (const thing of things) {
      const shown =
        inspect(thing, { depth: 20, showHidden: true }) +
        String(JSON.stringify(thing)) +
        String(thing);
      expect(shown).not.toContain(VALUE);
      expect(shown).not.toContain('16C7e42F');
      // As the bytes of a buffer are printed.
      expect(shown).not.toContain('67 68 70 5f');
    }
  });

  it.each([
    { name: 'nothing', value: '' },
    { name: 'three bytes', value: 'abc' },
    { name: 'too much', value: 'a'.repeat(8193) },
    { name: 'a line end', value: 'abcd1234\r\nx: y' },
    { name: 'NUL', value: 'abcd\0efgh' },
    { name: 'a blank at its end', value: 'abcdefgh ' },
    { name: 'half a character', value: 'abcdefgh\ud800' },
  ])('checkSecretValue() refuses $name without showing it', ({ value }) => {
    let error: unknown;
    try {
      checkSecretValue('A', value);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'NET_SECRET_INVALID' });
    expect(String(error)).not.toContain('abcd');
  });

  it('SecretStore warns about a short value and takes it', () => {
    expect(storeOf({ value: checkSecretValue('TOKEN', '12345') }).warnings).toEqual([
      expect.stringContaining('Secret TOKEN has only 5 bytes'),
    ]);
    expect(storeOf().warnings).toEqual([]);
  });

  it.each([[[{}, {}]], [[{ name: '1A' }]], [[{ name: 'A-B' }]]])(
    'SecretStore refuses names that cannot be told apart or set',
    (options) => {
      expect(() => storeOf(...options)).toThrow(
        expect.objectContaining({ code: 'NET_SECRET_INVALID' }),
      );
    },
  );
});

describe('answers', () => {
  it('planResponse() scrubs names and values of fields and drops what is no longer true', () => {
    const plan = storeOf().planResponse(['TOKEN'], {
      headers: [
        ['Content-Length', '12'],
        ['Accept-Ranges', 'bytes'],
        ['Location', `https://x/?t=${VALUE}`],
        [`x-${VALUE}`, '1'],
        ['x-auth', basic(`u:${VALUE}`)],
        ['ETag', '"1"'],
      ],
      hasBody: true,
    });
    expect(plan.isRewritten).toBe(true);
    expect(plan.headers).toEqual([
      ['Location', `https://x/?t=${P}`],
      [`x-${P}`, '1'],
      [
        'x-auth',
        expect.not.stringContaining(Buffer.from(`u:${VALUE}`).toString('base64').slice(8, 20)),
      ],
      ['ETag', '"1"'],
    ]);
    expect(plan.scrubTrailers([['t', VALUE]])).toEqual([['t', P]]);
    expect(plan.scrubText(`Bad ${VALUE}`)).toBe(`Bad ${P}`);
  });

  it('planResponse() leaves an answer alone when there is nothing to look for', () => {
    const headers: HeaderList = [
      ['content-length', '5'],
      ['content-encoding', 'compress'],
    ];
    const plan = storeOf().planResponse([], { headers, hasBody: true });
    expect(plan.headers).toBe(headers);
    expect(plan.isRewritten).toBe(false);
    expect(plan.createTransforms()).toEqual([]);
    expect(plan.scrubTrailers(headers)).toBe(headers);
    expect(plan.scrubText('OK')).toBe('OK');
    expect(storeOf().createWebSocketScrub([])).toBeNull();
    const empty = new SecretStore([], SEED);
    expect([empty.createLeakScan('body', TLS), empty.createWebSocketLeakScan(TLS)]).toEqual([
      null,
      null,
    ]);
  });

  it.each(['compress', 'gzip, gzip, gzip, gzip', 'aes128gcm'])(
    'planResponse() refuses the content-encoding "%s" that it cannot look into',
    (encoding) => {
      const response = { headers: [['content-encoding', encoding]] as const, hasBody: true };
      expect(() => storeOf().planResponse(['TOKEN'], response)).toThrow(
        expect.objectContaining({ code: 'NET_RESPONSE_ENCODING' }),
      );
      expect(
        storeOf()
          .planResponse(['TOKEN'], { ...response, hasBody: false })
          .createTransforms(),
      ).toEqual([]);
    },
  );
});

it('prepareRequest() puts in at most 16 values, however long they are', () => {
  const value = checkSecretValue('TOKEN', 'v'.repeat(8192));
  const store = storeOf({ value, query: true });
  const fields = (count: number): HeaderList =>
    Array.from({ length: count }, (_, index) => [`x-${index}`, P]);
  expect(prepare(store, fields(16)).used).toEqual(['TOKEN']);
  expect(() => prepare(store, fields(17))).toThrow(
    expect.objectContaining({ code: 'NET_SECRET_LIMIT' }),
  );
  expect(() => prepare(store, [['x', P.repeat(1000)]])).toThrow(/more than 16/);
  expect(() => prepare(store, fields(8), TLS, `/?${`${P}&`.repeat(9)}`)).toThrow(/more than 16/);
});

it('decodePercent() undoes each escape once, and gives null where there is none', () => {
  const text = fc.array(fc.constantFrom('%', '%4', '%41', '%5f', '%5F', '%zz', 'a', '%25', '\xff'));
  fc.assert(
    fc.property(text, (parts) => {
      const given = parts.join('');
      const want = given.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 16)),
      );
      const got = decodePercent(Buffer.from(given, 'latin1'))?.toString('latin1') ?? null;
      expect(got).toBe(want === given ? null : want);
    }),
  );
});

it('prepareSecrets() looks at the method, the path and all fields of a clean head once each', () => {
  const store = storeOf();
  const looked = vi.spyOn(store.index, 'findInText');
  const outgoing = {
    method: 'GET',
    path: '/user',
    fields: Array.from({ length: 200 }, (_, index) => [`x-${index}`, '%41'.repeat(90)]).flat(),
    body: null,
    trailers: () => [],
  };
  const to = { name: TLS.host, isLiteral: false, port: TLS.port, scheme: 'https' } as const;
  expect(prepareSecrets(store, outgoing, to).used).toEqual([]);
  expect(looked).toHaveBeenCalledTimes(3);
});
