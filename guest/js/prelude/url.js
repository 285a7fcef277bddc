import { defineGlobals } from './define.js';

/** `URL` and `URLSearchParams`, whose code is large and is only evaluated when one of them is used. */
export function installUrl({ evaluateUrl, hooks }) {
  const waiting = new Set(['URL', 'URLSearchParams']);
  const evaluate = () => {
    // The code looks whether the platform has them.
    for (const name of waiting) delete globalThis[name];
    evaluateUrl();
    for (const name of waiting) defineGlobals({ [name]: hooks[name] });
    waiting.clear();
  };
  for (const name of waiting) {
    Object.defineProperty(globalThis, name, {
      get() {
        evaluate();
        return globalThis[name];
      },
      set(value) {
        waiting.delete(name);
        defineGlobals({ [name]: value });
      },
      configurable: true,
    });
  }
}
