import {
  type Argument,
  type Copy,
  DockerfileParser,
  type From,
  type Instruction,
  type ModifiableInstruction,
  type Run,
} from 'dockerfile-ast';
import { dockerfileInvalid } from './dockerfile-error.ts';
import { expandVariables } from './expand-variables.ts';

/** A word of the Dockerfile that names an image or a stage: `[start, end)` in characters. */
export interface ImageWord {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** With its variables replaced. */
  readonly name: string;
}

export interface DockerfileInstruction {
  /** In capitals. */
  readonly keyword: string;
  /** From 1. */
  readonly line: number;
  /** Images and stages that it copies or mounts from. */
  readonly from: readonly ImageWord[];
  /** True if it reads files of the context. */
  readonly readsContext: boolean;
}

export interface DockerfileStage {
  /** As in `FROM … AS NAME`, in small letters; empty without one. */
  readonly name: string;
  readonly base: ImageWord;
  /** Those after its FROM. */
  readonly instructions: readonly DockerfileInstruction[];
}

export interface ParsedDockerfile {
  readonly text: string;
  readonly stages: readonly DockerfileStage[];
}

const KEYWORDS: ReadonlySet<string> = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);
const URL = /^(?:https?|git|ssh):\/\/|^git@/;

/** Values of the variables that a builder for Linux sets before the first FROM. */
function platformValues(architecture: string): [string, string][] {
  return ['TARGET', 'BUILD'].flatMap((side): [string, string][] => [
    [`${side}PLATFORM`, `linux/${architecture}`],
    [`${side}OS`, 'linux'],
    [`${side}ARCH`, architecture],
    [`${side}VARIANT`, ''],
  ]);
}

export interface ParseDockerfileOptions {
  /** For messages. */
  readonly path: string;
  /** `args:` of the image: they win over the values that ARG gives. */
  readonly args: Readonly<Record<string, string>>;
  /** As Go names it: `amd64`. */
  readonly architecture: string;
}

/**
 * Reads the part of a Dockerfile that decides which images and files it needs. What instructions do is left to the builder.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID with the line.
 */
export function parseDockerfile(text: string, options: ParseDockerfileOptions): ParsedDockerfile {
  const { path, args } = options;
  const document = DockerfileParser.parse(text);
  const offsets = lineOffsets(text);
  const values = new Map(platformValues(options.architecture));
  const stages: (DockerfileStage & { instructions: DockerfileInstruction[] })[] = [];
  for (const instruction of document.getInstructions()) {
    const keyword = instruction.getKeyword();
    const line = instruction.getRange().start.line + 1;
    if (!KEYWORDS.has(keyword)) {
      throw dockerfileInvalid(path, line, `unknown instruction ${keyword.slice(0, 50)}`);
    }
    const stage = stages.at(-1);
    if (keyword === 'FROM') {
      stages.push(toStage(instruction as From, { offsets, values, path, line }));
    } else if (stage !== undefined) {
      stage.instructions.push({ keyword, line, ...sources(instruction, keyword, offsets) });
    } else if (keyword === 'ARG') addGlobal(instruction, args, values);
    else throw dockerfileInvalid(path, line, `${keyword} before the first FROM`);
  }
  if (stages.length === 0) throw dockerfileInvalid(path, null, 'it has no FROM');
  return { text, stages };
}

function lineOffsets(text: string): number[] {
  const offsets = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
    offsets.push(at + 1);
  return offsets;
}

interface Place {
  readonly line: number;
  readonly character: number;
}

function offsetOf(offsets: readonly number[], { line, character }: Place): number {
  return (offsets[line] ?? 0) + character;
}

/** ARG before the first FROM: FROM may use it. */
function addGlobal(
  instruction: Instruction,
  args: Readonly<Record<string, string>>,
  values: Map<string, string>,
): void {
  for (const argument of instruction.getExpandedArguments()) {
    const [, name = '', given] = /^([^=]+)(?:=(.*))?$/s.exec(argument.getValue()) ?? [];
    const own = Object.hasOwn(args, name) ? args[name] : undefined;
    const value =
      own ?? (given === undefined ? undefined : expandVariables(unquoted(given), values));
    if (value !== undefined) values.set(name, value);
  }
}

function unquoted(text: string): string {
  return /^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text;
}

interface StageContext {
  readonly offsets: readonly number[];
  readonly values: ReadonlyMap<string, string>;
  readonly path: string;
  readonly line: number;
}

function toStage(from: From, { offsets, values, path, line }: StageContext) {
  const range = from.getImageRange();
  const written = from.getImage();
  if (range === null || written === null)
    throw dockerfileInvalid(path, line, 'FROM without an image');
  const name = expandVariables(unquoted(written), values);
  if (name === '') {
    throw dockerfileInvalid(
      path,
      line,
      `FROM ${written}: the variable has no value; give it one by ARG, or in args:`,
    );
  }
  const start = offsetOf(offsets, range.start);
  const base = { start, end: offsetOf(offsets, range.end), line: range.start.line + 1, name };
  return { name: (from.getBuildStage() ?? '').toLowerCase(), base, instructions: [] };
}

function sources(
  instruction: Instruction,
  keyword: string,
  offsets: readonly number[],
): Pick<DockerfileInstruction, 'from' | 'readsContext'> {
  if (keyword === 'RUN') return mounts(instruction as Run, offsets);
  if (keyword !== 'COPY' && keyword !== 'ADD') return { from: [], readsContext: false };
  const copy = instruction as Copy;
  const from = flagWords(copy, 'from', offsets).filter(({ name }) => name !== '');
  // The lines of a heredoc count as arguments too.
  const [first] = copy.getArguments();
  const onFirstLine = (argument: Argument) =>
    argument.getRange().start.line === first?.getRange().start.line;
  const hasHeredoc = copy.getHeredocs().length > 0;
  const given = copy
    .getArguments()
    .filter((argument) => !hasHeredoc || onFirstLine(argument))
    .slice(0, -1);
  const isFile = (word: string) =>
    !word.startsWith('<<') && (keyword === 'COPY' || !URL.test(word));
  const readsContext = from.length === 0 && given.some((argument) => isFile(argument.getValue()));
  return { from, readsContext };
}

/** The flags of one name, with the places of their values. */
function flagWords(
  instruction: ModifiableInstruction,
  name: string,
  offsets: readonly number[],
): ImageWord[] {
  return instruction.getFlags().flatMap((flag) => {
    const range = flag.getValueRange();
    if (flag.getName() !== name || range === null) return [];
    const start = offsetOf(offsets, range.start);
    const end = offsetOf(offsets, range.end);
    return [{ start, end, line: range.start.line + 1, name: flag.getValue() ?? '' }];
  });
}

/** `--mount=type=bind,from=IMAGE,…`: without `type` it is a bind mount, without `from` one of the context. */
function mounts(run: Run, offsets: readonly number[]) {
  const from: ImageWord[] = [];
  let readsContext = false;
  for (const { start, line, name } of flagWords(run, 'mount', offsets)) {
    const fields = name.split(',');
    const type = fields.find((field) => field.startsWith('type='))?.slice('type='.length) ?? 'bind';
    const [, source] = /(?:^|,)from=([^,]+)/.exec(name) ?? [];
    if (source === undefined) readsContext ||= type === 'bind';
    else {
      const at = start + name.indexOf(`from=${source}`) + 'from='.length;
      from.push({ start: at, end: at + source.length, line, name: source });
    }
  }
  return { from, readsContext };
}
