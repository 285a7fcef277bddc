import { defineGlobals } from './define.js';

/** Timers run while a handler's promise is pending, those that remain with the next call. */
export function installTimers({ setTimer, clearTimer }) {
  // An interval keeps its first id while its timer is set anew.
  const intervals = new Map();
  const setTimeout = (callback, delayMs = 0, ...args) =>
    setTimer(() => callback(...args), Number(delayMs));
  const setInterval = (callback, delayMs = 0, ...args) => {
    const tick = () => {
      intervals.set(id, setTimer(tick, Number(delayMs)));
      callback(...args);
    };
    const id = setTimer(tick, Number(delayMs));
    intervals.set(id, id);
    return id;
  };
  const clear = (id) => {
    if (typeof id !== 'number') return;
    clearTimer(intervals.get(id) ?? id);
    intervals.delete(id);
  };
  const queueMicrotask = (callback) => {
    Promise.resolve().then(callback);
  };
  defineGlobals({
    setTimeout,
    setInterval,
    clearTimeout: clear,
    clearInterval: clear,
    queueMicrotask,
  });
}
