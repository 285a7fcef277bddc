import type { SandboxSizes } from '../sizes.ts';

/** Reads the time of the processor that an engine runs on, in milliseconds since any moment; null when it has ended. */
export type EngineClock = () => { readonly ranMs: number; readonly waitedMs: number } | null;

/** A running gondolin-js, wherever it runs. */
export interface EngineChannel {
  /** Sends bytes; resolves when more are welcome. */
  write(bytes: Uint8Array): Promise<void>;
  /** Passes on what it writes. Called once. */
  onOutput(listener: (chunk: Buffer) => void): void;
  /** Sends the signal that stops what runs; resolves when the guest has it. */
  interrupt(): Promise<void>;
  /**
   * The clock by which CPU limits are to be corrected; null where the engine's own is right.
   * @throws {GondolinError} as `QmpClient.execute`.
   */
  openClock(): Promise<EngineClock | null>;
  /** Resolves with the reason when it has ended. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * Saves the machine, with all processes of its gondolin-js, into an existing, empty directory. Not while a request waits.
   * @throws {GondolinError} as `VM.save`.
   */
  save(directory: string): Promise<void>;
  /** If false, Node does not wait for it. */
  keepAlive(isKept: boolean): void;
  /** Ends it, and the machine it has. May be called twice; never throws. */
  close(): Promise<void>;
}

/** A machine that was saved, and the snapshot in it that is kept. */
export interface SavedEngine {
  readonly directory: string;
  readonly id: number;
}

/**
 * Starts a gondolin-js with these sizes, or continues a saved one. It then waits for requests.
 * @throws {GondolinError} as `VM.create`; SNAPSHOT_REFUSED.
 */
export type OpenEngine = (sizes: SandboxSizes, saved?: SavedEngine) => Promise<EngineChannel>;
