/** Returns the path of a project's lock file: beside the project file and named as it, `gondolin.lock` for `gondolin.yaml`. */
export function lockPath(projectFile: string): string {
  return `${projectFile.replace(/\.ya?ml$/i, '')}.lock`;
}
