import type { SourcePlace } from '../errors/gondolin-error.ts';

/** Every kind of mistake in a project file, with what to do about it. docs/config.md lists the same codes. */
export const ISSUE_HINTS = {
  yaml_syntax: 'Check the indentation, quotes and brackets around this place.',
  yaml_limit: 'Make the file smaller or flatter; see "Limits" in docs/config.md.',
  duplicate_key: 'Remove one of the two.',
  file_unreadable:
    'Check that the path exists, is a file and is readable; relative paths start at this file.',
  include_cycle: 'Remove one of these includes.',
  include_depth: 'Include the deeper files directly; see "Limits" in docs/config.md.',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the project file's own syntax
  variable_unset: 'Set it in the environment, or give a default with ${NAME:-default}.',
  variable_syntax:
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the project file's own syntax
    'Use ${NAME}, ${NAME:-default}, ${NAME:?message} or ${NAME:+other}, with or without the colon; write $${ for a ${ that the guest is to see.',
  reference_unknown:
    'Add it to `args:` or `matrix:`, or correct the name; write $${ for a ${ that the guest is to see.',
  arg_missing: 'Give it with --arg NAME=VALUE, or give it a `default:`.',
  arg_value: 'Give one of the values named above.',
  arg_unknown: 'Add it to `args:` of the project file, or correct the name.',
  matrix_size: 'Remove values or axes, or exclude combinations.',
  matrix_name: 'Rename the sandbox, or make the values of the axes differ in letters and digits.',
  unknown_key: 'Remove the key, or name it x-… to keep it as a note.',
  later_key: 'Remove it: it is planned, but not supported in this version.',
  unsupported_key: 'Remove the key: this part of an image cannot be chosen.',
  missing_key: 'Add the key.',
  wrong_type: 'Write a value of the kind named above.',
  bad_value: 'Write a value in the form named above.',
  no_sandbox: 'Write `image:` and `steps:` at the top level, or name sandboxes under `sandboxes:`.',
  form_conflict: 'Move the key into one of the sandboxes, or into `defaults:` for all of them.',
  duplicate_name: 'Give each its own name.',
  unknown_need: 'Name a step of the same sandbox.',
  need_cycle: 'Remove one of these needs.',
  unknown_output: 'Name a step of this sandbox, or of one that it depends on.',
  output_place:
    'Use outputs in `run`, `env` and `healthcheck.test`, after the step that writes them; pass a value from outside as an `args:`.',
  needs_run: 'Add `run:` with the command of the service, or remove the key.',
  not_split:
    'Remove `shards:`, or move the steps into a sandbox of their own that depends on this one.',
  unknown_dependency: 'Name another sandbox of this project.',
  dependency_cycle: 'Remove one of these dependencies.',
  unknown_image:
    'Write a key of `images:`, the built-in `debian`, or an image of a registry with its tag: python:3.12-slim.',
  image_reference:
    'Write REGISTRY/NAME:TAG, NAME@sha256:DIGEST, oci-layout:./directory or docker-archive:./file.tar.',
  needs_oci: 'Remove the key: what is built here is built again when its description changes.',
  needs_dockerfile: 'Remove the key, or describe the image by `dockerfile: ./Dockerfile`.',
  needs_oci_or_alpine:
    'Remove the key: `build` has an `arch` of its own, and an image that was built says its processor.',
  needs_setup: 'Add `setup:` with commands, or move it to the `network:` of the sandbox.',
  path_missing:
    'Create it, or correct the path; relative paths start at the file that contains them.',
  path_kind: 'Write a path of the kind named above.',
  guest_path: 'Write a path below the workspace, or an absolute guest path.',
  mount_conflict: 'Give each volume its own guest path.',
  host_pattern:
    'Entries look like api.example.com, *.example.com:8443, 10.1.0.0/16 or db.internal:5432/tcp.',
  port_mapping:
    'Entries look like 3000, 8080:80, 127.0.0.1:8080:80 or 8000-8005:3000-3005; 0:80 takes a free port.',
  port_conflict: 'Give one of the two another port of the host, or 0 for a free one.',
  secret_inline:
    'Remove the value from the file: write NAME@host and set NAME in the environment, or use from: with env, file or command. Change the value if the file was shared.',
  secret_host: 'Remove the host from one of the two lists.',
  secret_exposed:
    'Remove the variable there: the guest has a placeholder in the variable named like the secret.',
  env_file_syntax: 'Write one NAME=value on each line; see "env_file" in docs/config.md.',
} as const satisfies Record<string, string>;

/** The closed union of issue codes; match on this, never on a message. */
export type IssueCode = keyof typeof ISSUE_HINTS;

/** One mistake in a project file. */
export interface Issue {
  readonly code: IssueCode;
  /** Key path, what was found and what was wanted, in one line without control characters. */
  readonly message: string;
  /** A sentence that says what to do about it. */
  readonly hint: string;
  /** `file` is absolute; `line` and `col` are 1-based, `col` in UTF-16 units. */
  readonly at: SourcePlace;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Returns the text on one line and without control characters, whatever names and paths it contains. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*[\n\r\u2028\u2029]\s*/g, ' ').replaceAll(CONTROL, '\u{fffd}');
}

/**
 * Returns the issues without repeats, sorted by file (in the order of `files`, others after), line and column.
 * Issues with the same code, message and place are repeats: a mistake in `defaults:` would otherwise appear once per sandbox.
 */
export function sortIssues(issues: readonly Issue[], files: readonly string[]): Issue[] {
  const seen = new Map<string, Issue>();
  for (const raw of issues) {
    const issue = { ...raw, message: oneLine(raw.message), hint: oneLine(raw.hint) };
    const key = JSON.stringify([issue.code, issue.message, issue.at]);
    if (!seen.has(key)) seen.set(key, issue);
  }
  const rank = (file: string) => (files.includes(file) ? files.indexOf(file) : files.length);
  return [...seen.values()].toSorted(
    (a, b) =>
      rank(a.at.file) - rank(b.at.file) ||
      (a.at.file < b.at.file ? -1 : Number(a.at.file > b.at.file)) ||
      a.at.line - b.at.line ||
      a.at.col - b.at.col,
  );
}
