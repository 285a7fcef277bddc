import type { YamlEntry, YamlValue } from '../yaml-writer.ts';

/** A step to be written. */
export interface PartStep {
  readonly name: string;
  readonly run: string;
  /** Why it is there, in one line. */
  readonly why: string;
  /** Files that its result depends on; with any, its machine is saved as a checkpoint. */
  readonly inputs?: readonly string[];
}

/** The needs of one kind of project. */
export interface ProjectPart {
  /** Short word for the names of steps: `node`. */
  readonly kind: string;
  /** The files that were found, the most telling first. */
  readonly files: readonly string[];
  /** Their meaning, such as `Node.js with npm`. */
  readonly meaning: string;
  readonly packages: readonly string[];
  readonly steps: readonly PartStep[];
  readonly env?: readonly YamlEntry[];
  readonly volumes?: readonly YamlValue[];
  /** Hosts of package registries that the project's own files name. */
  readonly hosts: readonly string[];
  /** Lines of text about registries for the written file. */
  readonly notes?: readonly string[];
  /** The program that downloads packages; null when nothing is downloaded. */
  readonly downloads: string | null;
}
