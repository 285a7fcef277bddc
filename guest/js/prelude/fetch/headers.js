const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `Headers` of the Fetch Standard. */
export class Headers {
  /** Lower-case names with their values, in the order they were added. */
  #fields = [];

  constructor(init) {
    if (init === undefined || init === null) return;
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name, value) {
    this.#fields.push([toName(name), toValue(value)]);
  }

  set(name, value) {
    const lower = toName(name);
    const text = toValue(value);
    const at = this.#fields.findIndex(([given]) => given === lower);
    if (at < 0) this.#fields.push([lower, text]);
    else {
      this.#fields = this.#fields.filter(([given], index) => given !== lower || index === at);
      this.#fields[at] = [lower, text];
    }
  }

  delete(name) {
    const lower = toName(name);
    this.#fields = this.#fields.filter(([given]) => given !== lower);
  }

  get(name) {
    const lower = toName(name);
    const values = this.#fields.filter(([given]) => given === lower).map(([, value]) => value);
    return values.length === 0 ? null : values.join(', ');
  }

  has(name) {
    return this.get(name) !== null;
  }

  getSetCookie() {
    return this.#fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value);
  }

  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries() {
    const names = [...new Set(this.#fields.map(([name]) => name))].sort();
    for (const name of names) {
      if (name !== 'set-cookie') yield [name, this.get(name)];
      else for (const value of this.getSetCookie()) yield [name, value];
    }
  }

  *keys() {
    for (const [name] of this) yield name;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'Headers';
  }
}

function toName(name) {
  const text = String(name);
  if (!NAME.test(text)) throw new TypeError(`Headers: ${JSON.stringify(text)} is not a name`);
  return text.toLowerCase();
}

function toValue(value) {
  const text = String(value).replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, '');
  if (!VALUE.test(text)) throw new TypeError('Headers: a value has a character that none may have');
  return text;
}
