// Evaluated with the first use of one of its globals. `__native` is a parameter of the whole text.
import URL from 'core-js-pure/actual/url';
import URLSearchParams from 'core-js-pure/actual/url-search-params';

Object.assign(__native.hooks, { URL, URLSearchParams });
