import { SandboxBuilder } from 'gondolin/js';

const stock = new Map([['apple', 3]]);
const proto = await new SandboxBuilder().build();
proto
  .hostModule('stock')
  .register('count', (article) => stock.get(article) ?? 0)
  .register('lookUp', async (article) => ({ article, count: stock.get(article) ?? 0 }))
  .register('reserve', (article) => {
    throw new Error(`no ${article} is left`);
  });
const sandbox = await proto.loadRuntime();
sandbox.addHandler(
  'order',
  `import { count, lookUp, reserve } from 'host:stock';
   export function handler({ article }) {
     if (count(article) > 0) return lookUp(article);
     try {
       return reserve(article);
     } catch (error) {
       return { refused: error.message };
     }
   }`,
);
const loaded = await sandbox.getLoadedSandbox();
console.log(await loaded.callHandler('order', { article: 'apple' }));
console.log(await loaded.callHandler('order', { article: 'pear' }));
