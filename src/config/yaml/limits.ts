/** Limits of a project's files. They bound the time and memory one hostile or mistaken file can take. */
export const MAX_PROJECT_FILE_BYTES = 1_048_576;
/** Values of one file after aliases are expanded. */
export const MAX_NODES = 50_000;
/** Open brackets at once, and block indicators (`- - -`) on one line. The YAML library recurses per level. */
export const MAX_DEPTH = 64;
/** Leading spaces of a line outside block scalars. */
export const MAX_INDENT_COLUMNS = 256;
/** Files that include each other, the project file counted. */
export const MAX_INCLUDE_DEPTH = 8;
/** Files of one project. */
export const MAX_INCLUDED_FILES = 64;
/** A value after its variables were put in, in UTF-16 units. */
export const MAX_VALUE_LENGTH = 1_048_576;
/** Syntax mistakes reported for one file: after the first few, the others are echoes. */
export const MAX_SYNTAX_ISSUES = 10;
