import { endToEnd, type Fields } from '../../fields.ts';
import type { ResponseHandler } from '../../response-handler.ts';
import type { Exchange } from '../exchange.ts';

interface SendOptions {
  /** The stream of the body is cancelled when it ends. */
  readonly exchange: Pick<Exchange, 'onOver'>;
  readonly trailers: () => Fields;
  /** It is the server's own response. */
  readonly isUnchanged: boolean;
}

/** Sends a `Response` as its body is read. Rejects with what the stream of its body rejects with. */
export async function sendResponse(
  response: Response,
  handler: ResponseHandler,
  { exchange, trailers, isUnchanged }: SendOptions,
): Promise<void> {
  const { status, statusText } = response;
  // A length that was copied from another response would be wrong.
  const dropped = new Set(isUnchanged ? [] : ['content-length']);
  const fields = endToEnd([...response.headers].flat(), dropped);
  const room = new Room();
  const isWanted = handler.onHead({ status, statusText, fields }, () => room.open());
  if (response.body !== null) {
    const reader = response.body.getReader();
    let isOver = false;
    exchange.onOver(() => {
      isOver = true;
      // Rejects with the stream's own error, which its reader gets.
      reader.cancel().catch(() => undefined);
      room.open();
    });
    if (!isWanted) await room.wait();
    for (;;) {
      const { done, value } = await reader.read();
      if (isOver) return;
      if (done) break;
      const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      if (!handler.onData(chunk)) await room.wait();
    }
  }
  handler.onEnd(trailers());
}

/** Lets one writer wait for its reader. */
class Room {
  #resolve: (() => void) | null = null;

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  open(): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.();
  }
}
