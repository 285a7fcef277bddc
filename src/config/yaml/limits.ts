/** Largest file, in bytes. The limits here bound the time and memory that one hostile or mistaken file can take. */
export const MAX_PROJECT_FILE_BYTES = 1_048_576;
/** Most values of one file after aliases are expanded. */
export const MAX_NODES = 50_000;
/** Open brackets at once, and block indicators (`- - -`) on one line. The YAML library recurses per level. */
export const MAX_DEPTH = 64;
/** Leading spaces of a line outside block scalars. */
export const MAX_INDENT_COLUMNS = 256;
/** Most levels of includes, counting the project file. */
export const MAX_INCLUDE_DEPTH = 8;
/** Most files of one project. */
export const MAX_INCLUDED_FILES = 64;
/** Longest value after its variables were substituted, in UTF-16 units. */
export const MAX_VALUE_LENGTH = 1_048_576;
/** Most syntax mistakes reported for one file: later ones are usually caused by the first. */
export const MAX_SYNTAX_ISSUES = 10;
