import {
  FilesClient,
  type FilesProcess,
  type FilesRequestOptions,
} from '../../agent/files/files-client.ts';
import type { FilesRequest } from '../../protocol/files/files-request.ts';

/** The services of its VM that a {@link FilesSession} uses. */
export interface FilesLink {
  /** Starts a files process as that user. */
  start(user: string): Promise<FilesProcess>;
  /** Replaces the error of a channel that closed by the error that ended the VM. */
  explain(error: unknown): Promise<unknown>;
}

/** The files process of one guest user: started on first use, and started again after it has ended. */
export class FilesSession {
  readonly #link: FilesLink;
  readonly #user: string;
  #client: Promise<FilesClient> | undefined;

  constructor(link: FilesLink, user: string) {
    this.#link = link;
    this.#user = user;
  }

  /** Returns a client that can serve. @throws {GondolinError} those of `AgentClient.startFiles`, VM_NOT_RUNNING. */
  async client(): Promise<FilesClient> {
    const started = this.#client;
    if (started !== undefined) {
      const client = await started;
      if (client.failure === undefined) return client;
      // Another caller may have started the next one meanwhile.
      if (this.#client !== started) return this.client();
    }
    const next = this.#start();
    this.#client = next;
    next.catch(() => {
      if (this.#client === next) this.#client = undefined;
    });
    return next;
  }

  async #start(): Promise<FilesClient> {
    return new FilesClient(await this.explained(this.#link.start(this.#user)));
  }

  /** Does one request. @throws {GondolinError} those of `FilesClient.request`, VM_NOT_RUNNING. */
  async request<T>(request: FilesRequest, options: FilesRequestOptions<T>): Promise<T> {
    const client = await this.client();
    return this.explained(client.request(request, options));
  }

  /** Rejects with the error that ended the VM where a client's request rejects with that of a closed channel. */
  async explained<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw await this.#link.explain(error);
    }
  }
}
