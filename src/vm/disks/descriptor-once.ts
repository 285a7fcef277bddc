import { closeSync } from 'node:fs';

/** A descriptor that is closed once, however often it is asked for: its number may belong to another file afterwards. */
export class DescriptorOnce {
  readonly fd: number;
  #isClosed = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.fd);
  }
}
