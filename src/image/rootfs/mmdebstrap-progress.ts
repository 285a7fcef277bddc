/** Where a build stands, as its output tells. */
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

// Shares as measured on a minimal bookworm (19 s): lists 2, download 3, unpack 2, essential 5, rest 4, tar 3.
const STAGES: readonly Stage[] = [
  stage(/^I: running apt-get update/, 'lists', 'reading package lists', 0, 0.12),
  stage(/^I: downloading packages with apt/, 'download', 'downloading base packages', 0.12, 0.25),
  stage(/^I: extracting archives/, 'unpack', 'unpacking base packages', 0.25, 0.35),
  stage(/^I: installing essential packages/, 'install', 'installing base packages', 0.35, 0.6),
  stage(/^I: installing remaining packages/, 'install', 'installing packages', 0.6, 0.85),
  stage(/^I: cleaning package lists/, 'pack', 'cleaning up', 0.85, 0.88),
  stage(/^I: creating tarball/, 'pack', 'packing the root file system', 0.88, 1),
];

function stage(
  pattern: RegExp,
  phase: RootfsProgress['phase'],
  message: string,
  fraction: number,
  end: number,
): Stage {
  return { pattern, phase, message, fraction, end };
}

/**
 * Reader of what mmdebstrap and apt print: returns progress for a line that tells of some, else null.
 * Within a stage packages are counted, where apt has said how many there will be.
 */
export function createProgressReader(): (line: string) => RootfsProgress | null {
  let current: Stage | null = null;
  let wanted = 0;
  let done = 0;

  function count(name: string, stepsPerPackage: number): RootfsProgress | null {
    if (current === null || wanted === 0) return null;
    done = Math.min(done + 1 / stepsPerPackage, wanted);
    const fraction = current.fraction + (current.end - current.fraction) * (done / wanted);
    return { phase: current.phase, message: `${current.message}: ${name}`, fraction };
  }

  return (line) => {
    const next = STAGES.find(({ pattern }) => pattern.test(line));
    if (next !== undefined) {
      // A repeated line of an earlier stage must not turn the bar back.
      if (current !== null && next.fraction <= current.fraction) return null;
      current = next;
      done = 0;
      return { phase: next.phase, message: next.message, fraction: next.fraction };
    }
    const total = /^(\d+) upgraded, (\d+) newly installed/.exec(line);
    if (total !== null) {
      wanted = Number(total[1]) + Number(total[2]);
      done = 0;
      return null;
    }
    const step = /^(Unpacking|Setting up|Get:\d+) (.+)$/.exec(line);
    if (step === null) return null;
    const words = (step[2] ?? '').split(' ');
    if (step[1]?.startsWith('Get:') === true)
      return current?.phase === 'download' ? count(words[3] ?? '', 1) : null;
    return current?.phase === 'install' ? count(words[0] ?? '', 2) : null;
  };
}

/** Name of the package that apt does not know, from one line of its output; null for other lines. */
export function findUnknownPackage(line: string): string | null {
  const match =
    /^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no installation candidate|Version '[^']*' for '([^']+)' was not found)/.exec(
      line,
    );
  return match?.[1] ?? match?.[2] ?? match?.[3] ?? null;
}
