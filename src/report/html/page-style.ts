const ANSI_COLOURS = [
  ['black', '#24292f', '#6e7681'],
  ['red', '#b3261e', '#ff8a80'],
  ['green', '#1a7f37', '#56d364'],
  ['yellow', '#8a6100', '#e3b341'],
  ['blue', '#0550ae', '#79c0ff'],
  ['magenta', '#8250df', '#d2a8ff'],
  ['cyan', '#1b7c83', '#56d4dd'],
  ['white', '#6e7781', '#c9d1d9'],
] as const;

function ansiVariables(index: 1 | 2): string {
  return ANSI_COLOURS.map(([name, ...colours]) => `--${name}:${colours[index - 1]}`).join(';');
}

function ansiClasses(): string {
  return ANSI_COLOURS.flatMap(([name]) =>
    ['', 'bright-'].flatMap((kind) => [
      `.ansi-${kind}${name}-fg{color:var(--${name})}`,
      `.ansi-${kind}${name}-bg{background:color-mix(in srgb,var(--${name}) 30%,transparent)}`,
    ]),
  ).join('\n');
}

/** The style sheet of the page: light and dark by the reader's setting, every colour with a contrast of 4.5 or more. */
export const PAGE_STYLE: string = `
:root{color-scheme:light dark;--text:#1f2328;--dim:#59636e;--page:#fff;--box:#f6f8fa;--line:#d1d9e0;--good:#1a7f37;--bad:#b3261e;--warn:#8a6100;--bar:#0969da;${ansiVariables(1)}}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--dim:#9198a1;--page:#0d1117;--box:#151b23;--line:#3d444d;--good:#56d364;--bad:#ff8a80;--warn:#e3b341;--bar:#4493f8;${ansiVariables(2)}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .25rem}
.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.lane{display:grid;grid-template-columns:14rem 1fr;gap:.5rem;align-items:center;margin:1px 0}
.lane .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.lane .step{padding-left:1rem}
.track{position:relative;height:1rem;background:var(--box);border-radius:2px}
.bar{position:absolute;top:0;bottom:0;min-width:2px;border-radius:2px;background:var(--bar)}
.bar.good{background:var(--good)}.bar.bad{background:var(--bad)}.bar.warn{background:var(--warn)}
details{border:1px solid var(--line);border-radius:6px;margin:.25rem 0;background:var(--box)}
summary{padding:.35rem .75rem;cursor:pointer}
pre{margin:0;padding:.75rem;overflow:auto;max-height:40rem;border-top:1px solid var(--line);font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
figure{margin:.5rem 0}.charts{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
.chart svg{display:block;width:100%;height:4rem;background:var(--box);border-radius:2px}
.chart polyline{fill:none;stroke:var(--bar);stroke-width:1.5;vector-effect:non-scaling-stroke}.chart polygon{fill:var(--bar);opacity:.15}
.chart.cpu polyline{stroke:var(--good)}.chart.cpu polygon{fill:var(--good)}
@media(max-width:40rem){.charts{grid-template-columns:1fr}}
@media(max-width:40rem){.lane{grid-template-columns:7rem 1fr}}
${ansiClasses()}
`;
