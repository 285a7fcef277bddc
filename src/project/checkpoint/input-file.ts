/** One file that a step's result depends on, by its content. Plain data. */
export interface InputFile {
  /** Relative to the project's directory, `/` between its parts; `../x` for what stands outside. */
  readonly path: string;
  /** 64 hex digits over its kind, its execute bit and its content. */
  readonly digest: string;
}
