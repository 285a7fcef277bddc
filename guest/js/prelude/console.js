import { defineGlobals } from './define.js';
import { inspect } from './inspect.js';

/** `console` and `print`: each call is a line of the host. */
export function installConsole({ print }) {
  const write =
    (isError) =>
    (...values) => {
      print(
        isError,
        values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '),
      );
    };
  const [out, err] = [write(false), write(true)];
  const console = { log: out, info: out, debug: out, trace: err, warn: err, error: err };
  defineGlobals({ console, print: out });
}
