/** Packages of every image besides Debian's essential ones and apt. docs/images.md says why each. */
export const BASE_PACKAGES = ['ca-certificates', 'netbase', 'procps'] as const;
