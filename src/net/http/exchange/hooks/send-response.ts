import { endToEnd, type Fields } from '../../fields.ts';
import type { AnswerSink } from '../response-sink.ts';

/** How a `Response` is sent. */
export interface ResponseFlow {
  /** Resolves when the sink has room again, or wants no more. */
  waitForRoom(): Promise<void>;
  trailers(): Fields;
  /** The listener is called when the guest wants no more of the response. */
  onOver(listener: () => void): void;
}

/**
 * Sends a `Response` of a hook to the guest as it is read. The stream of its body is cancelled when the guest leaves.
 *
 * @param isUnchanged  It is the server's own answer.
 * Rejects with what its body's stream rejects with.
 */
export async function sendResponse(
  response: Response,
  sink: AnswerSink,
  flow: ResponseFlow,
  isUnchanged: boolean,
): Promise<void> {
  const { status, statusText } = response;
  // A length that was copied from another answer would be a lie.
  const dropped = new Set(isUnchanged ? [] : ['content-length']);
  sink.begin({ status, statusText, fields: endToEnd([...response.headers].flat(), dropped) });
  if (response.body !== null && !(await sendBody(response.body, sink, flow))) return;
  sink.end(flow.trailers());
}

/** Resolves to false when the guest left before the end. */
async function sendBody(
  body: ReadableStream<Uint8Array>,
  sink: AnswerSink,
  flow: ResponseFlow,
): Promise<boolean> {
  const reader = body.getReader();
  let isOver = false;
  flow.onOver(() => {
    isOver = true;
    // Rejects with the stream's own error, which its reader gets.
    reader.cancel().catch(() => undefined);
  });
  for (;;) {
    const { done, value } = await reader.read();
    if (isOver || done) return !isOver;
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (!sink.write(chunk)) await flow.waitForRoom();
  }
}
