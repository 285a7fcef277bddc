import { dockerfileInvalid } from './dockerfile-error.ts';
import type { DockerfileStage, ImageWord, ParsedDockerfile } from './parse-dockerfile.ts';

/** The stages that a build of one target runs, and what they need from outside. */
export interface NeededImages {
  /** Every place that names an image which is no stage, in the stages that are built. */
  readonly words: readonly ImageWord[];
  /** The image at the bottom of the target; `scratch` for none. */
  readonly base: string;
  /** True if an instruction reads files of the context. Those of ONBUILD in an image may do so too. */
  readonly readsContext: boolean;
}

/**
 * Follows the stages from the target, or the last one.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID when there is no such target.
 */
export function neededImages(
  { stages }: ParsedDockerfile,
  target: string | null,
  path: string,
): NeededImages {
  const last = target === null ? stages.length - 1 : findStage(stages, target);
  if (last === -1) {
    const names = stages.flatMap(({ name }) => (name === '' ? [] : [name]));
    const known =
      names.length === 0 ? 'none of its stages has a name' : `it has ${names.join(', ')}`;
    throw dockerfileInvalid(path, null, `no stage is called "${target}": ${known}`);
  }
  const words: ImageWord[] = [];
  const seen = new Set<number>();
  let readsContext = false;
  /** Only stages above can be used. */
  const visit = (index: number): void => {
    const stage = stages[index];
    if (stage === undefined || seen.has(index)) return;
    seen.add(index);
    const follow = (word: ImageWord, allowsNumber: boolean): void => {
      const earlier = stages.slice(0, index);
      const found = allowsNumber ? findStage(earlier, word.name) : findNamed(earlier, word.name);
      if (found !== -1) visit(found);
      else if (word.name !== 'scratch') words.push(word);
    };
    follow(stage.base, false);
    for (const instruction of stage.instructions) {
      readsContext ||= instruction.readsContext;
      for (const word of instruction.from) follow(word, true);
    }
  };
  visit(last);
  return { words, base: bottomOf(stages, last), readsContext };
}

/** The last of that name, as a builder takes it. */
function findNamed(stages: readonly DockerfileStage[], name: string): number {
  return stages.findLastIndex((stage) => stage.name !== '' && stage.name === name.toLowerCase());
}

/** By name, or by its number from 0. */
function findStage(stages: readonly DockerfileStage[], name: string): number {
  const named = findNamed(stages, name);
  if (named !== -1 || !/^\d{1,6}$/.test(name)) return named;
  return Number(name) < stages.length ? Number(name) : -1;
}

function bottomOf(stages: readonly DockerfileStage[], index: number): string {
  const name = stages[index]?.base.name ?? 'scratch';
  const below = findNamed(stages.slice(0, index), name);
  return below === -1 ? name : bottomOf(stages, below);
}

/** Returns the text with each of these words replaced; the lines stay where they are. */
export function replaceWords(
  text: string,
  words: readonly ImageWord[],
  nameFor: (word: ImageWord) => string,
): string {
  let result = '';
  let at = 0;
  for (const word of words.toSorted((a, b) => a.start - b.start)) {
    result += text.slice(at, word.start) + nameFor(word);
    at = word.end;
  }
  return result + text.slice(at);
}
