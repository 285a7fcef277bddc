import type { AnswerSink } from '../http/answer-sink.ts';
import { endToEnd, type Fields } from '../http/fields.ts';
import { bytesOf } from './run-request-hooks.ts';

/**
 * Sends a `Response` of a hook to the guest as it is read.
 *
 * @param isUnchanged  It is the server's own answer.
 * Rejects with what its body's stream rejects with.
 */
export async function sendResponse(
  response: Response,
  sink: AnswerSink,
  flow: { waitForRoom(): Promise<void>; trailers(): Fields },
  isUnchanged: boolean,
): Promise<void> {
  const { status, statusText } = response;
  // A length that was copied from another answer would be a lie.
  const dropped = new Set(isUnchanged ? [] : ['content-length']);
  sink.begin({ status, statusText, fields: endToEnd([...response.headers].flat(), dropped) });
  const body = bytesOf(response.body);
  if (body !== null) {
    for await (const chunk of body) {
      if (!sink.write(chunk)) await flow.waitForRoom();
    }
  }
  sink.end(flow.trailers());
}
