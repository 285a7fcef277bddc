/** A running gondolin-js, wherever it runs. */
export interface EngineChannel {
  /** Sends bytes; resolves when more are welcome. */
  write(bytes: Uint8Array): Promise<void>;
  /** Passes on what it writes. Called once. */
  onOutput(listener: (chunk: Buffer) => void): void;
  /** Sends the signal that stops what runs; resolves when the guest has it. */
  interrupt(): Promise<void>;
  /** Resolves with the reason when it has ended. Never rejects. */
  readonly ended: Promise<string>;
  /** If false, Node does not wait for it. */
  keepAlive(isKept: boolean): void;
  /** Ends it, and the machine it has. May be called twice; never throws. */
  close(): Promise<void>;
}

export interface EngineSizes {
  readonly heapBytes: number;
  readonly stackBytes: number;
  readonly outputBytes: number;
}

/** Arguments of gondolin-js. */
export function engineArguments({ heapBytes, stackBytes, outputBytes }: EngineSizes): string[] {
  return [heapBytes, stackBytes, outputBytes].map(String);
}
