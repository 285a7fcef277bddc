import { GondolinError } from '../../../errors/gondolin-error.ts';
import { decodeOrNull, partial, text } from '../../../util/json-decoder.ts';
import type { Challenge } from './challenge.ts';
import type { RegistryLogin } from './credentials.ts';
import { type ExchangeOptions, exchange, readBody } from './exchange.ts';

const RESPONSE_MAX_BYTES = 1024 * 1024;
const CLIENT_ID = 'gondolin';

interface TokenResponse {
  readonly token: string;
  readonly access_token: string;
}

const tokenResponse = partial<TokenResponse>({ token: text(), access_token: text() });

/**
 * Meets a challenge: gives the `Authorization` for requests to that registry. A token comes from the realm that the
 * registry names; the credentials go there only over HTTPS, unless the registry itself is asked by plain HTTP.
 *
 * @returns null when there is nothing to meet it with.
 * @throws {GondolinError} IMAGE_REGISTRY_DENIED, IMAGE_REGISTRY_FAILED.
 * @see docs.docker.com/registry/spec/auth/token and oauth
 */
export async function authorize(
  challenge: Challenge,
  registryUrl: string,
  scope: string,
  credentials: RegistryLogin | null,
  options: Pick<ExchangeOptions, 'dispatcher' | 'signal'>,
): Promise<string | null> {
  if (challenge.scheme === 'basic') {
    return credentials?.kind === 'password' ? basic(credentials) : null;
  }
  const realm = new URL(challenge.realm);
  const isPlain = realm.protocol === 'http:' && registryUrl.startsWith('http:');
  if (realm.protocol !== 'https:' && !isPlain) {
    throw denied(registryUrl, `its tokens come from ${realm.origin}, which is not HTTPS`);
  }
  const asked = { service: challenge.service, scope: challenge.scope ?? scope };
  const response =
    credentials?.kind === 'identity'
      ? await refresh(realm, asked, credentials.token, options)
      : await ask(realm, asked, credentials, options);
  if (response.status !== 200) {
    await response.discard();
    throw denied(registryUrl, `${realm.origin} gave no token: it answered ${response.status}`);
  }
  const body = await readBody(response, RESPONSE_MAX_BYTES, challenge.realm);
  const said = decodeOrNull(body.toString('utf8'), tokenResponse);
  const token = said?.token ?? said?.access_token ?? '';
  if (!/^[\x21-\x7e]+$/.test(token)) throw denied(registryUrl, `${realm.origin} gave no token`);
  return `Bearer ${token}`;
}

interface Asked {
  readonly service: string | null;
  readonly scope: string;
}

function ask(
  realm: URL,
  { service, scope }: Asked,
  credentials: Extract<RegistryLogin, { kind: 'password' }> | null,
  options: Pick<ExchangeOptions, 'dispatcher' | 'signal'>,
) {
  const url = new URL(realm);
  if (service !== null) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  url.searchParams.set('client_id', CLIENT_ID);
  if (credentials !== null) url.searchParams.set('account', credentials.user);
  const authorization = credentials === null ? null : basic(credentials);
  return exchange(url.href, { ...options, headers: {}, authorization });
}

function refresh(
  realm: URL,
  { service, scope }: Asked,
  token: string,
  options: Pick<ExchangeOptions, 'dispatcher' | 'signal'>,
) {
  const form = new URLSearchParams({
    ...{ grant_type: 'refresh_token', refresh_token: token, client_id: CLIENT_ID, scope },
    ...(service === null ? {} : { service }),
  });
  return exchange(realm.href, {
    ...options,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    authorization: null,
  });
}

function basic({ user, password }: Extract<RegistryLogin, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function denied(registryUrl: string, problem: string): GondolinError {
  return new GondolinError(
    'IMAGE_REGISTRY_DENIED',
    `Cannot pull from ${new URL(registryUrl).host}: ${problem}`,
  );
}
