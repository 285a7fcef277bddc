/** Turns every Node warning (leaked listeners, deprecated calls) into a failed test file. */
process.on('warning', (warning) => {
  throw warning;
});
