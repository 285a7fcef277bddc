import { expect, it } from 'vitest';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

const ENV = { SET: 'value', EMPTY: '', CPUS: '4', YES: 'true', DOLLAR: '${SET}' };

/** The command of the one step of a project with this block of text as its script. */
function scriptOf(script: string): unknown {
  const text = `steps:\n  - run: |-\n      ${script}\n`;
  return readText(text, { env: ENV }).sandboxes[0]?.steps[0]?.run;
}

it.each([
  ['${SET}', 'value'],
  ['a${SET}b${SET}c', 'avaluebvaluec'],
  ['x${EMPTY}', 'x'],
  ['${SET:-other}', 'value'],
  ['${UNSET:-other}', 'other'],
  ['${EMPTY:-other}', 'other'],
  ['x${UNSET:-}', 'x'],
  ['${UNSET:-${SET}}', 'value'],
  ['${UNSET:-${ALSO:-deep}}', 'deep'],
  ['${SET:?needed}', 'value'],
  ['x${UNSET-}', 'x'],
  ['${SET-other}', 'value'],
  ['${UNSET-other}', 'other'],
  ['x${EMPTY-other}', 'x'],
  ['${UNSET-${EMPTY:-${SET}}}', 'value'],
  ['${UNSET:-https://${SET}.test:8443}', 'https://value.test:8443'],
  ['${SET:+other}', 'other'],
  ['x${EMPTY:+other}', 'x'],
  ['x${UNSET:+other}', 'x'],
  ['${SET+other}', 'other'],
  ['${EMPTY+other}', 'other'],
  ['x${UNSET+other}', 'x'],
  ['${SET:+a${SET}b}', 'avalueb'],
  ['${SET:+${UNSET:-deep}}', 'deep'],
  ['${SET?needed}', 'value'],
  ['x${EMPTY?needed}', 'x'],
  // The branch that is not taken is not looked at.
  ['${SET:-${UNSET}}', 'value'],
  ['x${UNSET:+${UNSET}}', 'x'],
  ['${UNSET:--}', '-'],
  ['${UNSET-:-}', ':-'],
  ['$$', '$'],
  ['$${SET}', '${SET}'],
  ['$$$$', '$$'],
  ['$HOME $(date) $1 $', '$HOME $(date) $1 $'],
  ['${DOLLAR}', '${SET}'],
])('%j becomes %j', (given, want) => {
  expect(scriptOf(given)).toBe(want);
});

it.each([
  ['${UNSET}', 'variable_unset'],
  ['${UNSET:?say why}', 'variable_unset'],
  ['${EMPTY:?say why}', 'variable_unset'],
  ['${}', 'variable_syntax'],
  ['${1}', 'variable_syntax'],
  ['${UNSET?say why}', 'variable_unset'],
  ['${UNSET:-${ALSO}}', 'variable_unset'],
  ['${SET:+${UNSET}}', 'variable_unset'],
  ['${A:b}', 'variable_syntax'],
  ['${A=b}', 'variable_syntax'],
  ['${A:=b}', 'variable_syntax'],
  ['${UNSET-${1}}', 'variable_syntax'],
  ['${file%.c}', 'variable_syntax'],
  ['${A', 'variable_syntax'],
  ['${A:-${B}', 'variable_syntax'],
])('%j is %s', (reference, code) => {
  expect(
    errorOf(`steps:\n  - echo ${reference}\n`, { env: ENV }).map((issue) => issue.code),
  ).toContain(code);
});

it('an unset variable is reported at the reference itself, in a block too', () => {
  const text = 'steps:\n  - run: |\n      echo one\n      echo ${A} ${B}\n';
  expect(issuesOfText(text)).toEqual(['4:12 variable_unset', '4:17 variable_unset']);
});

it('a reference inside a default is reported at its place, with the forms that exist', () => {
  const text = 'steps:\n  - echo ${A:-x${B?set B}} ${C:=d}\n';
  const issues = errorOf(text);
  expect(issues.map(({ at, code }) => `${at.line}:${at.col} ${code}`)).toEqual([
    '2:16 variable_unset',
    '2:28 variable_syntax',
  ]);
  expect(issues[0]?.message).toContain('set B');
  for (const form of ['${NAME:-default}', '${NAME:?message}', '${NAME:+other}']) {
    expect(issues[1]?.hint).toContain(form);
  }
});

it('the same unset variable is reported at each of its places', () => {
  expect(issuesOfText('steps:\n  - echo ${A} ${A}\n')).toEqual([
    '2:10 variable_unset',
    '2:15 variable_unset',
  ]);
});

it('the message of ${NAME:?message} is in the issue', () => {
  expect(errorOf('image: ${IMG:?pick an image}\n')[0]?.message).toContain('pick an image');
});

it('a plain value is a number or a truth value after its variable was put in', () => {
  const text = 'resources: { cpus: "${SET:-x}" }\n';
  const plain = 'resources:\n  cpus: ${CPUS}\nsteps:\n  - run: a\n    continue_on_error: ${YES}\n';
  const [sandbox] = readText(plain, { env: ENV }).sandboxes;
  expect(sandbox).toMatchObject({ cpus: 4, steps: [{ continueOnError: true }] });
  expect(issuesOfText(text, { env: ENV })).toEqual(['1:20 wrong_type']);
});

it('a quoted number from a variable stays text', () => {
  expect(issuesOfText('resources: { cpus: "${CPUS}" }\n', { env: ENV })).toEqual([
    '1:20 wrong_type',
  ]);
});

it('names of the object prototype are not variables', () => {
  expect(issuesOfText('steps: ["${constructor}"]\n')).toContain('1:10 variable_unset');
});

it('keys are not interpolated', () => {
  expect(errorOf('env: { "${SET}": x }\n', { env: ENV }).map(({ code }) => code)).toEqual([
    'bad_value',
  ]);
});

it('variables in x- notes are not looked at', () => {
  expect(issuesOfText('image: debian\nx-note: ${NEVER}\n')).toEqual([]);
});

it('variables in a value that an includer replaced are not looked at', () => {
  const files = { '/p/base.yaml': 'image: ${NEVER}\n' };
  expect(issuesOfText('include: base.yaml\nimage: debian\n', { files })).toEqual([]);
});
