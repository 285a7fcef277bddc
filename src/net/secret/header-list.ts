/** HTTP header or trailer fields in order, with repeated names; one byte per character (latin1). */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The destination of a request, as judged by the policy. */
export interface RequestPlace {
  /** Host name or address that the policy judged. */
  readonly host: string;
  /** 1..65535. */
  readonly port: number;
  readonly isTls: boolean;
}

/** Returns the values of all fields of a name, joined as in RFC 9110 §5.3. */
export function headerValue(headers: HeaderList, name: string): string {
  return headers
    .filter(([key]) => key.toLowerCase() === name)
    .map(([, value]) => value)
    .join(', ');
}

/** Returns the list without the fields of these names, given in lower case. */
export function withoutHeaders(headers: HeaderList, names: readonly string[]): HeaderList {
  return headers.filter(([key]) => !names.includes(key.toLowerCase()));
}
