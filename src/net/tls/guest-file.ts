/** A file to write in the guest before its first user process, as root. */
export interface GuestFile {
  /** Absolute. */
  readonly path: string;
  readonly data: Buffer;
  /** Appends to the file of the image, or creates it. */
  readonly append: boolean;
  /** Keeps a file that the image has at this path. @default false */
  readonly keep?: boolean;
  /** A key store that every JVM is to read. @default false */
  readonly isJavaStore?: boolean;
  /** Permission bits of a file that is created. */
  readonly mode: number;
}
