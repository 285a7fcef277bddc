/** The module whose functions `fetch` in the guest calls; no user can register this name. */
export const FETCH_MODULE = 'gondolin:fetch';
