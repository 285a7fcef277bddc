/** Everything a value could come back as and be read by a guest without more ado. */
export function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const percent = encodeURIComponent(value);
  // Of each alignment what does not depend on the neighbours.
  const base64 = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return text.slice(before === 0 ? 0 : before + 1, 4 * Math.floor((before + bytes.length) / 3));
  });
  return [
    value,
    json,
    JSON.stringify(json).slice(1, -1),
    percent,
    encodeURIComponent(percent),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('hex').replace(/../g, '%$&'),
    value.replace(/[&<>"'/]/g, (letter) => `&#${letter.charCodeAt(0)};`),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}
