/** Bytes that are not a tar archive, or one that we do not read. The message continues "the archive: ". */
export class TarError extends Error {}
