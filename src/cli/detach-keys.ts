import { Transform } from 'node:stream';

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/**
 * Passes what is typed on, and calls `detach` at Ctrl-P Ctrl-Q, which are left out with what follows. A Ctrl-P waits for the
 * next key.
 */
export function watchDetachKeys(detach: () => void): Transform {
  let isWaiting = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const typed = isWaiting ? Buffer.concat([Buffer.from([CTRL_P]), chunk]) : chunk;
      const at = typed.indexOf(Buffer.from([CTRL_P, CTRL_Q]));
      isWaiting = at < 0 && typed.at(-1) === CTRL_P;
      const end = isWaiting ? typed.length - 1 : typed.length;
      this.push(typed.subarray(0, at < 0 ? end : at));
      if (at >= 0) detach();
      done();
    },
    flush(done) {
      if (isWaiting) this.push(Buffer.from([CTRL_P]));
      done();
    },
  });
}
