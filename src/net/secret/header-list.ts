/** HTTP header or trailer fields in their order, repeated names included; one byte per character (latin1). */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Where a request goes, checked by the policy before. */
export interface RequestPlace {
  /** Host name or address that the policy judged. */
  readonly host: string;
  /** 1..65535. */
  readonly port: number;
  readonly isTls: boolean;
}

/** Values of the fields of that name, joined as RFC 9110 §5.3 allows. */
export function headerValue(headers: HeaderList, name: string): string {
  return headers
    .filter(([key]) => key.toLowerCase() === name)
    .map(([, value]) => value)
    .join(', ');
}

/** The list without the fields of these (lower case) names. */
export function withoutHeaders(headers: HeaderList, names: readonly string[]): HeaderList {
  return headers.filter(([key]) => !names.includes(key.toLowerCase()));
}
