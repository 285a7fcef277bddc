import { Request, takeBytes, toResponse } from './messages.js';

/**
 * `fetch`: the host makes the requests, and the guest asks for the responses while nothing else is left to do.
 * Requests do not outlive the call that makes them.
 */
export function createFetch({ hostCall, hooks }) {
  const pending = new Map();

  const callHost = (name, ...args) => {
    try {
      return hostCall('gondolin:fetch', name, ...args);
    } catch (error) {
      throw new TypeError(error.message);
    }
  };

  const take = (id) => {
    const request = pending.get(id);
    pending.delete(id);
    request?.release();
    return request;
  };

  const settle = ({ id, error, ...facts }) => {
    const request = take(id);
    if (request === undefined) return;
    if (error !== undefined) request.reject(new TypeError(error));
    else request.resolve(toResponse(callHost('take', id), facts));
  };

  // The event loop calls it; true when there was something to wait for.
  hooks.idle = (limitMs) => {
    if (pending.size === 0) return false;
    const outcome = callHost('wait', [...pending.keys()], limitMs);
    if (outcome !== null) settle(outcome);
    return true;
  };

  return async function fetch(input, init) {
    const request = new Request(input, init);
    const { url, method, redirect, signal } = request;
    signal?.throwIfAborted();
    const head = { url, method, redirect, headers: [...request.headers] };
    const id = callHost('start', head, takeBytes(request));
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (take(id) === undefined) return;
        callHost('cancel', id);
        reject(signal.reason);
      };
      signal?.addEventListener('abort', onAbort);
      const release = () => signal?.removeEventListener('abort', onAbort);
      pending.set(id, { resolve, reject, release });
    });
  };
}
