/** A file to write in the guest before its first user process, as root. */
export interface GuestFile {
  /** Absolute. */
  readonly path: string;
  readonly data: Buffer;
  /** To the end of what the image has there; a file that is not there is made. */
  readonly append: boolean;
  /** Not where the image has a file of that name. @default false */
  readonly keep?: boolean;
  /** What every JVM is to read. @default false */
  readonly isJavaStore?: boolean;
  /** Permission bits of a file that is made. */
  readonly mode: number;
}
