/** Options of `images`. */
export interface ImagesFlags {
  /** Print only warnings and errors. */
  readonly quiet?: boolean;
}
