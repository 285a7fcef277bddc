/** Seconds since 1970: later times in a tree are set back to this one, so that equal packages give equal bytes (2025-01-01). */
export const SOURCE_DATE_EPOCH = 1_735_689_600;
