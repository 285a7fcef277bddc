// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing
type Given<T> = T | void | Promise<T | void>;

/**
 * Functions of the host that see each request and response of the guest, with the classes of the web (WHATWG fetch).
 * They see placeholders, never values: secrets are put in after them and taken out of responses before them.
 *
 * @example
 * const readOnly: RequestHooks = {
 *   onRequestHead: (request) => {
 *     if (request.method !== 'GET') return new Response('read-only\n', { status: 403 });
 *   },
 * };
 * const { httpHooks } = createHttpHooks({ allowedHosts: ['api.github.com'], ...readOnly });
 */
export interface RequestHooks {
  /** Before the body: its argument has none. A `Request` changes method, URL and headers; a `Response` is sent to the guest. */
  readonly onRequestHead?: ((request: Request) => Given<Request | Response>) | undefined;
  /** A `Request` goes out in place of the guest's (its URL is judged again); a `Response` is sent to the guest. */
  readonly onRequest?: ((request: Request) => Given<Request | Response>) | undefined;
  /** A `Response` goes to the guest in place of the server's. */
  readonly onResponse?: ((response: Response, request: Request) => Given<Response>) | undefined;
}

/** Marks what `createHttpHooks` returns; the same symbol in every installed copy of the package. */
export const HTTP_HOOKS: unique symbol = Symbol.for('gondolin.httpHooks');

/** True for the `httpHooks` that `createHttpHooks` of any installed copy returned. Never throws. */
export function isHttpHooks(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, HTTP_HOOKS);
}

/** Returns true if at least one function is given. */
export function hasHook(hooks: RequestHooks): boolean {
  return Object.values(hooks).some((hook) => hook !== undefined);
}
