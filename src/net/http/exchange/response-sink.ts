import { STATUS_CODES } from 'node:http';
import type { Transform } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { ResponsePlan } from '../../secret/scrub/response-plan.ts';
import { type Fields, flatList } from '../fields.ts';
import type { Guard } from '../guard.ts';
import type { ResponseHead } from '../upstream/upstream-call.ts';
import { headerList } from './audit/request-events.ts';

/** One stage of the way of an answer from its server to the guest. */
export interface AnswerSink {
  begin(head: ResponseHead): void;
  /** @returns False: wait until `hasRoom` was called. */
  write(chunk: Buffer): boolean;
  end(trailers: Fields): void;
  /** The sink took what was written and has room for more. */
  hasRoom(): void;
  /** The answer broke off before its end, or never came to one. */
  destroy(): void;
}

/** What a stage tells back. */
export interface SinkOwner {
  /** There is room again. */
  onRoom(): void;
  /** The stage cannot go on. */
  onFailure(error: Error): void;
}

/** Of stages that Node or a promise calls. */
export interface GuardingOwner extends SinkOwner {
  readonly guard: Guard;
}

/** Takes the values of secrets out of an answer on its way (docs/network.md, "Secrets"). */
export class ScrubSink implements AnswerSink {
  readonly #next: AnswerSink;
  readonly #owner: GuardingOwner;
  readonly #plan: ResponsePlan;
  #stages: readonly Transform[] = [];
  #trailers: Fields = [];

  constructor(next: AnswerSink, owner: GuardingOwner, plan: ResponsePlan) {
    this.#next = next;
    this.#owner = owner;
    this.#plan = plan;
  }

  begin({ status }: ResponseHead): void {
    this.#stages = this.#plan.createTransforms();
    // The words after the status are the server's too.
    const statusText = STATUS_CODES[status] ?? '';
    this.#next.begin({ status, statusText, fields: flatList(this.#plan.headers) });
    const { guard } = this.#owner;
    this.#stages.forEach((stage, index) => {
      const following = this.#stages[index + 1];
      const onError = (error: Error): void => this.#owner.onFailure(invalid(error));
      stage.on('error', guard(onError));
      if (following !== undefined) stage.pipe(following);
    });
    const onRoom = (): void => this.#owner.onRoom();
    this.#stages[0]?.on('drain', guard(onRoom));
    const last = this.#stages.at(-1);
    const onData = (chunk: Buffer): void => {
      if (!this.#next.write(chunk)) last?.pause();
    };
    last?.on('data', guard(onData));
    last?.once(
      'end',
      guard(() => this.#endNext()),
    );
  }

  write(chunk: Buffer): boolean {
    return this.#stages[0]?.write(chunk) ?? this.#next.write(chunk);
  }

  end(trailers: Fields): void {
    this.#trailers = trailers;
    const [first] = this.#stages;
    if (first === undefined) this.#endNext();
    else first.end();
  }

  hasRoom(): void {
    const last = this.#stages.at(-1);
    if (last === undefined) this.#owner.onRoom();
    else last.resume();
  }

  destroy(): void {
    for (const stage of this.#stages) stage.destroy();
    this.#next.destroy();
  }

  #endNext(): void {
    this.#next.end(flatList(this.#plan.scrubTrailers(headerList(this.#trailers))));
  }
}

/** A body that is not in the coding its header says. The library's message may quote bytes. */
function invalid(cause: Error): GondolinError {
  return new GondolinError('NET_UPSTREAM_INVALID', 'the body of the response cannot be decoded', {
    cause,
  });
}
