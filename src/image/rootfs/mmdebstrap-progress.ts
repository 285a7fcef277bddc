import { findFetchedPackage } from '../debian/apt-messages.ts';

/** The progress of a build, read from its output. */
export interface RootfsProgress {
  readonly phase: 'lists' | 'download' | 'unpack' | 'install' | 'pack';
  readonly message: string;
  /** Share of the whole build, 0..1, never falling. */
  readonly fraction: number;
}

interface Stage extends RootfsProgress {
  readonly pattern: RegExp;
  /** Fraction where the next stage begins. */
  readonly end: number;
}

// Shares as measured: of `nodejs` added to a base (18 s), lists 3, download 3, installation 9, tar 2; of a base, whose packages
// were unpacked before (17 s), setting up 13, tar 3.
const STAGES: readonly Stage[] = [
  stage(/^I: running apt-get update/, 'lists', 'reading package lists', 0, 0.12),
  stage(/^I: setting up packages/, 'install', 'setting up packages', 0, 0.8),
  stage(/^I: downloading packages with apt/, 'download', 'downloading packages', 0.12, 0.25),
  stage(/^I: skipping cleanup/, 'pack', 'cleaning up', 0.85, 0.88),
  stage(/^I: creating tarball/, 'pack', 'packing the root file system', 0.88, 1),
];

// Where packages are added to a base, one run of apt downloads and installs.
const INSTALL_ALL = stage(/^$/, 'install', 'installing packages', 0.25, 0.85);

function stage(
  pattern: RegExp,
  phase: RootfsProgress['phase'],
  message: string,
  fraction: number,
  end: number,
): Stage {
  return { pattern, phase, message, fraction, end };
}

/** Reads what mmdebstrap and apt print. Packages are counted, where apt has said how many there will be. */
export class ProgressReader {
  #stage: Stage | null = null;
  #packages: number;
  #done = 0;
  #fraction = 0;

  /** @param unpackedCount  Packages that are unpacked already. */
  constructor(unpackedCount = 0) {
    // Setting up is the second half of a package.
    this.#packages = unpackedCount / 2;
  }

  /** Returns the progress that the line reports; null for other lines. */
  read(line: string): RootfsProgress | null {
    const stage = STAGES.find(({ pattern }) => pattern.test(line));
    if (stage !== undefined) return this.#enter(stage);
    const total = /^(\d+) upgraded, (\d+) newly installed/.exec(line);
    if (total !== null) {
      this.#packages = Number(total[1]) + Number(total[2]);
      this.#done = 0;
      return null;
    }
    const fetched = findFetchedPackage(line);
    if (fetched !== null) return this.#count('download', fetched, 1);
    // Each package is unpacked, and then set up.
    const install = /^(?:Unpacking|Setting up) ([^\s:]+)/.exec(line);
    return install === null ? null : this.#count('install', install[1] ?? '', 1 / 2);
  }

  #enter(stage: Stage): RootfsProgress | null {
    // A repeated line of an earlier stage must not turn the bar back.
    if (this.#stage !== null && stage.fraction <= this.#stage.fraction) return null;
    this.#stage = stage;
    this.#done = 0;
    this.#fraction = stage.fraction;
    return { phase: stage.phase, message: stage.message, fraction: stage.fraction };
  }

  #count(phase: RootfsProgress['phase'], name: string, steps: number): RootfsProgress | null {
    if (phase === 'install' && this.#stage?.phase === 'download') this.#enter(INSTALL_ALL);
    const stage = this.#stage;
    if (stage === null || stage.phase !== phase || this.#packages === 0) return null;
    this.#done = Math.min(this.#done + steps, this.#packages);
    const share = this.#done / this.#packages;
    // Hooks run apt for a few packages of their own, with a count that starts over.
    this.#fraction = Math.max(
      this.#fraction,
      stage.fraction + (stage.end - stage.fraction) * share,
    );
    return { phase, message: `${stage.message}: ${name}`, fraction: this.#fraction };
  }
}
