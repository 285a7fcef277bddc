import {
  decodeOrNull,
  list,
  object,
  partial,
  text,
  withDefault,
} from '../../../util/json-decoder.ts';
import { type RegistryResponse, readBody } from './exchange.ts';

const BODY_MAX_BYTES = 64 * 1024;
const SHOWN_MAX = 200;

const errorDocument = object({
  errors: withDefault(
    list(partial<{ code: string; message: string }>({ code: text(), message: text() })),
    [],
  ),
});

/** Returns what a registry says about an error, for the end of a message: `: name unknown`; empty when it says nothing. */
export async function errorText(response: RegistryResponse, url: string): Promise<string> {
  const body = await readBody(response, BODY_MAX_BYTES, url).catch(() => null);
  const said = decodeOrNull(body === null ? null : body.toString('utf8'), errorDocument);
  const first = said?.errors[0];
  const shown = (first?.message ?? first?.code ?? '').replaceAll(/[^\x20-\x7e]/g, '?');
  return shown === '' ? '' : `: ${shown.slice(0, SHOWN_MAX)}`;
}
