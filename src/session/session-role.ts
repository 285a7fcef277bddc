import type { KeepOverlays, SaveSnapshot } from './request-kind.ts';

/** The part of a VM in a `gondolin run` or another command, for those who list it. Empty for a VM of a program. */
export interface SessionRole {
  readonly project?: string;
  readonly sandbox?: string;
  /** Directory of the project file. */
  readonly directory?: string;
  /** The image's name as the user wrote it. */
  readonly image?: string;
  readonly saveSnapshot?: SaveSnapshot;
  readonly keepOverlays?: KeepOverlays;
}
