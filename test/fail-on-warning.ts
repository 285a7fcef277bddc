/** Turns every Node warning (leaked listeners, deprecated calls) into a failed test file. */
function fail(warning: Error): void {
  throw warning;
}

// Where the files of a project share a process, this runs for each of them.
if (!process.listeners('warning').some(({ name }) => name === fail.name)) {
  process.on('warning', fail);
}
